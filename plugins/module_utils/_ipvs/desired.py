# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""From the options of ``ipvs_table`` and the table as it is to the table as it shall be, or to all mistakes at once."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    Destination,
    DestinationKey,
    ModelError,
    ServiceKey,
    Table,
    destination_key,
    merged_destination,
    merged_service,
    service_key,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.scope import Scope, read_scope

KEY_OPTIONS = ("address", "port", "protocol", "fwmark", "family")
PURGES = ("none", "destinations", "services")
_MOST_NAMED = 5


class MistakesError(ModelError):
    """What is described cannot be; the text has one line for each mistake, with the path to it."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        first = (
            "The description has a mistake" if len(mistakes) == 1 else f"The description has {len(mistakes)} mistakes"
        )
        super().__init__("\n".join([f"{first}, so nothing was changed:", *mistakes]))


@dataclasses.dataclass(frozen=True)
class Policy:
    """What happens to that which is not described, and to weights that somebody else has set."""

    purge: str = "none"
    scope: Scope | None = None
    keep_weights: bool = False
    allow_empty: bool = False

    @property
    def removes_services(self) -> bool:
        return self.purge == "services"


class Description:
    """The services that a task describes, with its policy: the options of ``ipvs_table``, keys read once.

    ``is_owned(key)`` says whether a service is the task's: it is described, or it is in the scope of a purge. What is
    not owned is neither read nor compared nor written.
    """

    def __init__(self, services: Sequence[Mapping[str, Any]], policy: Policy) -> None:
        self.policy = policy
        self.mistakes: list[str] = []
        self._described: dict[ServiceKey, tuple[int, Mapping[str, Any]]] = {}
        if policy.removes_services and policy.scope is None:
            self.mistakes.append(
                "purge: services needs scope, the networks and firewall marks that this task owns: without it services"
                " of other programs would be removed."
            )
        for index, options in enumerate(services):
            self._read_key(index, options)

    def _read_key(self, index: int, options: Mapping[str, Any]) -> None:
        try:
            key = service_key(**{name: options.get(name) for name in KEY_OPTIONS})
        except ModelError as error:
            self.mistakes.append(f"services[{index}]: {error}")
            return
        if key in self._described:
            self.mistakes.append(
                f"services[{index}]: Service {key} is described already, as services[{self._described[key][0]}]."
                " Make one of the two."
            )
            return
        if self.policy.scope is not None and key not in self.policy.scope:
            self.mistakes.append(
                f"services[{index}]: Service {key} lies outside scope, which this task must not touch. Add it to scope,"
                " or leave it to its owner."
            )
        self._described[key] = (index, options)

    def is_owned(self, key: ServiceKey) -> bool:
        if key in self._described:
            return True
        policy = self.policy
        return policy.removes_services and policy.scope is not None and key in policy.scope

    def desired(self, current: Table) -> Table:
        """The table as described, starting from what is there (the owned part of it, at least).

        Raises MistakesError with every mistake.
        """
        mistakes = list(self.mistakes)
        services = dict(current.services)
        destinations: dict[ServiceKey, Mapping[DestinationKey, Destination]] = dict(current.destinations)
        if self.policy.purge != "none" and not self._described and not mistakes and not self.policy.allow_empty:
            mistakes.append(_refused_purge("services", [key for key in services if self.is_owned(key)]))
        for key in current.services if self.policy.removes_services else ():
            if key not in self._described and self.is_owned(key):
                del services[key], destinations[key]
        for key, (index, options) in self._described.items():
            try:
                services[key] = merged_service(key, current.services.get(key), options)
            except ModelError as error:
                mistakes.append(f"services[{index}]: {error}")
            destinations[key] = self._destinations(index, key, current.destinations.get(key, {}), mistakes)
        if mistakes:
            raise MistakesError(mistakes)
        return Table(services, destinations)

    def _destinations(
        self, index: int, service: ServiceKey, present: Mapping[DestinationKey, Destination], mistakes: list[str]
    ) -> Mapping[DestinationKey, Destination]:
        described = self._described[service][1].get("destinations")
        if described is None:
            return present
        purges = self.policy.purge != "none"
        if purges and not described and present and not self.policy.allow_empty:
            mistakes.append(f"services[{index}].{_refused_purge('destinations', list(present))}")
        found: dict[DestinationKey, Destination] = {}
        for place, options in enumerate(described):
            read = self._destination(service, present, options)
            if isinstance(read, str):
                mistakes.append(f"services[{index}].destinations[{place}]: {read}")
            elif read.key in found:
                mistakes.append(
                    f"services[{index}].destinations[{place}]: Destination {read.key} of service {service} is described"
                    " already. Make one of the two."
                )
            else:
                found[read.key] = read
        wanted = found if purges else {**present, **found}
        # The very object that is there, when nothing differs: plan then sees at once that it is the same.
        return present if wanted == present else wanted

    def _destination(
        self, service: ServiceKey, present: Mapping[DestinationKey, Destination], options: Mapping[str, Any]
    ) -> Destination | str:
        """The destination as described, or the sentence about a mistake."""
        try:
            key = destination_key(
                service, destination=options["destination"], destination_port=options.get("destination_port")
            )
            before = present.get(key)
            described = merged_destination(service, key, before, options)
            if self.policy.keep_weights and before is not None:
                return described._replace(weight=before.weight)
            return described
        except ModelError as error:
            return str(error)


def description_of(parameters: Mapping[str, Any]) -> Description:
    """The description in the options of ``ipvs_table``; its mistakes are kept for ``desired``, to come all at once."""
    scope, mistakes = (None, []) if parameters["scope"] is None else read_scope(parameters["scope"])
    policy = Policy(
        purge=parameters["purge"],
        scope=scope,
        keep_weights=parameters["keep_weights"],
        allow_empty=parameters["allow_empty"],
    )
    if mistakes:
        # What a scope that cannot be read would hold is not known: no sentences about that.
        policy = dataclasses.replace(policy, scope=None, purge="none" if policy.removes_services else policy.purge)
    description = Description(parameters["services"], policy)
    description.mistakes[:0] = mistakes
    return description


def _refused_purge(what: str, present: Sequence[ServiceKey] | Sequence[DestinationKey]) -> str:
    """The sentence about an empty list that would remove all there is."""
    names = [str(key) for key in sorted(present, key=lambda key: key.sorting())]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    gone = f"{', '.join(names[:_MOST_NAMED])}{more} would have gone" if names else "nothing of it is there now"
    return (
        f"{what}: The list is empty and purge is on ({gone}). Set allow_empty: true when this is meant, or list what"
        " shall stay."
    )
