# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The way of every ipvs module: read, plan, and only then write or not.

Errors of all rooms below become one sentence in one place (``_run``), and the kernel's modules are loaded in one place.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Iterable, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    Connections,
    Destination,
    DestinationKey,
    IpvsError,
    ModelError,
    Service,
    ServiceKey,
    Table,
    destination_key,
    merged_destination,
    merged_service,
    missing_service,
    service_key,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import (
    AlreadyThereError,
    Kernel,
    NotAcceptedError,
    NotFoundError,
    NotLoadedError,
    NotPermittedError,
    OperationFailedError,
    Reading,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import DELETE, Operation, plan

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

Parameters = Mapping[str, Any]

NEEDS_ROOT = (
    "Only root may read and change this host's IPVS table (capability CAP_NET_ADMIN). Run the task with become: true."
)


class MissingModuleError(IpvsError):
    """A kernel module that is needed is not to be had."""


def change_service(module: AnsibleModule) -> None:
    """Makes one service as the module's parameters say, and ends the module."""
    _run(module, lambda: _changed_service(module))


def change_destination(module: AnsibleModule) -> None:
    """Makes one destination as the module's parameters say, and ends the module."""
    _run(module, lambda: _changed_destination(module))


def show(module: AnsibleModule) -> None:
    """Returns what the kernel has, and ends the module."""
    _run(module, lambda: _shown(module))


def _run(module: AnsibleModule, results: Callable[[], Mapping[str, Any]]) -> None:
    """Ends the module with results, or with the sentence of an error: the one place where errors meet Ansible."""
    try:
        found = results()
    except NotPermittedError:
        module.fail_json(msg=NEEDS_ROOT)
    except IpvsError as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(**found)


def _changed_service(module: AnsibleModule) -> Mapping[str, Any]:
    key = _service_key(module.params)

    def desired(table: Table) -> Table:
        if module.params["state"] == "absent":
            return table.without_service(key)
        return table.with_service(merged_service(key, table.services.get(key), module.params))

    changed, after = _change(module, key, desired)
    service = after.table.services.get(key)
    return {**changed, "service": service.as_options() if service else None}


def _changed_destination(module: AnsibleModule) -> Mapping[str, Any]:
    key = _service_key(module.params)
    destination = destination_key(
        key, destination=module.params["destination"], destination_port=module.params["destination_port"]
    )

    def desired(table: Table) -> Table:
        if module.params["state"] == "absent":
            return table.without_destination(key, destination) if key in table.services else table
        if key not in table.services:
            raise ModelError(missing_service(key))
        present = table.destinations[key].get(destination)
        return table.with_destination(key, merged_destination(key, destination, present, module.params))

    changed, after = _change(module, key, desired)
    value = after.table.destinations.get(key, {}).get(destination)
    return {**changed, "destination": _shown_destination(value, after, key) if value else None}


def _service_key(parameters: Parameters) -> ServiceKey:
    return service_key(**{name: parameters[name] for name in ("address", "port", "protocol", "fwmark", "family")})


def _change(
    module: AnsibleModule, key: ServiceKey, desired: Callable[[Table], Table]
) -> tuple[dict[str, Any], Reading]:
    """What a change of one service (with its destinations) returns, and the kernel's state after it."""
    # Nothing has to be loaded to take something away.
    with _kernel(module, load=module.params["state"] != "absent") as kernel:
        before = kernel.read_service(key) if kernel else Reading()
        wanted = desired(before.table)
        operations = plan(current=before.table, desired=wanted)
        _load_modules(module, operations)
        if kernel is None or module.check_mode or not operations:
            after = Reading(wanted, before.service_counters, before.connections, before.counters)
        else:
            after = _applied(module, kernel, operations, key)
    result = {
        "changed": bool(operations),
        "operations": [operation.command() for operation in operations],
        "diff": {
            "before": {"services": before.table.as_options()},
            "after": {"services": after.table.as_options()},
        },
    }
    return result, after


def _applied(module: AnsibleModule, kernel: Kernel, operations: Sequence[Operation], key: ServiceKey) -> Reading:
    """The kernel's state after the operations, looked at and not believed."""
    try:
        kernel.apply(operations)
    except OperationFailedError as error:
        raise _explained(module, error) from error
    after = kernel.read_service(key)
    for operation in operations:
        if not _holds(after.table, operation):
            raise IpvsError(
                f"The kernel accepted {operation.command()!r} but does not hold what it says: this kernel does not know"
                " one of the options, or another program is changing the same table."
            )
    return after


def _holds(table: Table, operation: Operation) -> bool:
    """Whether the table is as the operation leaves it."""
    key = operation.service.key
    found: Service | Destination | None
    if operation.destination is None:
        found, wanted = table.services.get(key), operation.service
        return found is None if operation.action == DELETE else found == wanted
    found = table.destinations.get(key, {}).get(operation.destination.key)
    return found is None if operation.action == DELETE else found == operation.destination


def _explained(module: AnsibleModule, error: OperationFailedError) -> IpvsError:
    """The error with cause and remedy, where they are known."""
    operation = error.operation
    if isinstance(error.cause, NotPermittedError):
        return error.cause
    if isinstance(error.cause, NotFoundError) and operation.destination is None and operation.action != DELETE:
        for name, what in _modules_of(operation.service):
            if not _is_loaded(name):
                return MissingModuleError(_missing_module(name, what, _modprobe(module, name)))
    if isinstance(error.cause, NotAcceptedError) and operation.destination is not None:
        return IpvsError(
            f"The kernel does not take destination {operation.destination.key} for service {operation.service.key}:"
            " it takes addresses of single machines only, and none of another address family while a connection"
            " synchronisation daemon runs."
        )
    if isinstance(error.cause, (AlreadyThereError, NotFoundError)):
        return IpvsError(
            f"{error} It was otherwise a moment ago, so another program is changing the same table. Let one of the two"
            " own this service, and run the task again."
        )
    return error


def _kernel(module: AnsibleModule, *, load: bool) -> ContextManager[Kernel | None]:
    """The kernel's IPVS; None when its module is not loaded and is not to be loaded now, though it could be."""
    try:
        return Kernel()
    except NotLoadedError:
        if not load:
            return contextlib.nullcontext()
    complaint = _modprobe(module, "ip_vs")
    try:
        return Kernel()
    except NotLoadedError:
        pass
    if module.check_mode and not complaint:
        return contextlib.nullcontext()
    if "not permitted" in complaint:
        raise IpvsError(NEEDS_ROOT)
    raise MissingModuleError(_missing_module("ip_vs", "IPVS of this host", complaint))


def _load_modules(module: AnsibleModule, operations: Iterable[Operation]) -> None:
    """Loads what the services need (in check mode: looks whether it can be loaded).

    The kernel loads such modules itself where its own modprobe works, so it has the last word on what is missing.
    """
    needed = {
        name: what
        for operation in operations
        if operation.destination is None and operation.action != DELETE
        for name, what in _modules_of(operation.service)
        if not _is_loaded(name)
    }
    for name, what in needed.items():
        complaint = _modprobe(module, name)
        # Where modprobe does not even know ip_vs (a container), its word counts for nothing.
        if complaint and module.check_mode and not _modprobe(module, "ip_vs"):
            raise MissingModuleError(_missing_module(name, what, complaint))


def _modules_of(service: Service) -> list[tuple[str, str]]:
    """Kernel modules that a service needs, each with what it is for."""
    modules = []
    if service.scheduler != "none":  # what the kernel says of a service that another program made without one
        modules.append((f"ip_vs_{service.scheduler}", f"Scheduler {service.scheduler} of service {service.key}"))
    if service.persistence_engine:
        engine = service.persistence_engine
        modules.append((f"ip_vs_pe_{engine}", f"Persistence engine {engine} of service {service.key}"))
    return modules


def _is_loaded(name: str) -> bool:
    return Path("/sys/module", name).exists()


def _modprobe(module: AnsibleModule, name: str) -> str:
    """Loads a kernel module, in check mode only tries whether it could; what modprobe says against it, or nothing."""
    program = module.get_bin_path("modprobe")
    if program is None:
        return "there is no modprobe on this host"
    dry = ["--dry-run"] if module.check_mode else []
    code, output, errors = module.run_command([program, *dry, name])
    return (errors or output).strip() or f"modprobe ended with {code}" if code else ""


def _missing_module(name: str, what: str, complaint: str) -> str:
    says = f" (modprobe says: {complaint})" if complaint else ""
    choose = ", or choose another one" if name != "ip_vs" else ""
    return (
        f"{what} is not to be had: kernel module {name} cannot be loaded{says}."
        f" Install the package that holds it for the running kernel{choose}; in a container, load it on the host."
    )


def _shown(module: AnsibleModule) -> Mapping[str, Any]:
    wanted = _filter(module.params)
    with _kernel(module, load=True) as kernel:
        if kernel is None:
            nothing: dict[str, Any] = {"version": None, "connection_table_size": None, "timeouts": None}
            return {"changed": False, "services": [], "daemons": [], **nothing}
        reading = kernel.read(wanted)
        version, size = kernel.info()
        return {
            "changed": False,
            "services": [
                _shown_service(key, reading) for key in sorted(reading.table.services, key=ServiceKey.sorting)
            ],
            "timeouts": kernel.timeouts(),
            "daemons": kernel.daemons(),
            "version": version,
            "connection_table_size": size,
        }


def _filter(parameters: Parameters) -> Callable[[ServiceKey], bool]:
    """Whether a service is wanted: it agrees with all that is given."""
    given = {name: value for name, value in parameters.items() if value is not None}
    if "address" in given:
        # Any port will do, only the spelling is normalised here.
        given["address"] = service_key(address=given["address"], port=0).address
    return lambda key: all(getattr(key, name) == value for name, value in given.items())


def _shown_service(key: ServiceKey, reading: Reading) -> dict[str, Any]:
    destinations = reading.table.destinations[key]
    return {
        **reading.table.services[key].as_options(),
        **reading.service_counters[key].as_results(),
        "destinations": [
            {**_shown_destination(destinations[each], reading, key), **reading.counters[key][each].as_results()}
            for each in sorted(destinations, key=DestinationKey.sorting)
        ],
    }


def _shown_destination(destination: Destination, reading: Reading, key: ServiceKey) -> dict[str, Any]:
    connections = reading.connections.get(key, {}).get(destination.key, Connections())
    return {**destination.as_options(), **connections.as_results()}
