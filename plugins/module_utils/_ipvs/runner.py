# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""What every ipvs module does around its own work: ends with results or one sentence, opens the kernel, loads it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Iterable, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import IpvsError, Service
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import (
    Kernel,
    NotLoadedError,
    NotPermittedError,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import DELETE, Operation
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import end

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

NEEDS_ROOT = (
    "Only root may read and change this host's IPVS table (capability CAP_NET_ADMIN). Run the task with become: true."
)


class MissingModuleError(IpvsError):
    """A kernel module that is needed is not to be had."""


def run(module: AnsibleModule, results: Callable[[], Mapping[str, Any]]) -> None:
    """Ends the module with results, or with the sentence of an error."""
    end(module, results, needs_root=NEEDS_ROOT, not_permitted=(NotPermittedError, PermissionError))


def opened(module: AnsibleModule, *, load: bool) -> ContextManager[Kernel | None]:
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


def load_modules(module: AnsibleModule, operations: Iterable[Operation]) -> None:
    """Loads what the services need (in check mode: looks whether it can be loaded).

    The kernel loads such modules itself where its own modprobe works, so it has the last word on what is missing.
    """
    for name, what in _missing_modules(operations).items():
        complaint = _modprobe(module, name)
        # Where modprobe does not even know ip_vs (a container), its word counts for nothing.
        if complaint and module.check_mode and not _modprobe(module, "ip_vs"):
            raise MissingModuleError(_missing_module(name, what, complaint))


def missing_module_of(module: AnsibleModule, operation: Operation) -> MissingModuleError | None:
    """The error about a module that a refused operation needed and that is not to be had, if that was the reason."""
    for name, what in _missing_modules([operation]).items():
        return MissingModuleError(_missing_module(name, what, _modprobe(module, name)))
    return None


def _missing_modules(operations: Iterable[Operation]) -> dict[str, str]:
    """Kernel modules that are needed and not loaded, each with what it is for."""
    # Thousands of services use a handful of schedulers: one look for each of these.
    users = {
        (operation.service.scheduler, operation.service.persistence_engine): operation.service
        for operation in operations
        if operation.destination is None and operation.action != DELETE
    }
    return {name: what for service in users.values() for name, what in _modules_of(service) if not _is_loaded(name)}


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
