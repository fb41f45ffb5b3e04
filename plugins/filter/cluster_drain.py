# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_drain
short_description: Work out what a drain of a real server needs, and whether it may be
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
description:
  - For the playbooks C(lvs.cluster.drain) and C(lvs.cluster.undrain), from the plans of O(ignore:lvs_cluster) and what
    was seen on the directors.
  - Reads no network and changes nothing.
positional: hostvars, real_server, service, steps
options:
  _input:
    description: The plans, as P(lvs.cluster.cluster_plans#filter) gives them.
    type: dict
    required: true
  hostvars:
    description:
      - The variables of the directors. Read are C(lvs_table) (a result of M(lvs.cluster.ipvs_info)), C(lvs_host) (of
        M(lvs.cluster.host_info) with the lines C(track_file) of C(keepalived.conf)) and C(lvs_drains) (of C(grep -H)
        over the files of drains).
    type: dict
    required: true
  real_server:
    description: Name of the real server.
    type: str
    required: true
  service:
    description: Name of the service to take it out of; every service when it is empty.
    type: str
    default: ""
  steps:
    description: The number of steps in which it gets its weight back.
    type: int
    default: 1
seealso:
  - plugin: lvs.cluster.cluster_plans
    plugin_type: filter
"""

EXAMPLES = r"""
- name: See that rs1 may be drained
  ansible.builtin.assert:
    that: drain['mistakes'] + drain['refusals'] | length == 0
  vars:
    drain: "{{ plans | lvs.cluster.cluster_drain(hostvars, 'rs1') }}"
"""

RETURN = r"""
_value:
  description: What there is to do and to wait for.
  type: dict
  contains:
    mistakes:
      description: Sentences about names that nobody has, and about directors that cannot drain. All else is empty then.
      type: list
      elements: str
    refusals:
      description: Sentences about services that would have too little left.
      type: list
      elements: str
    drain:
      description:
        - The C(files) to write, each with its number, and for each director the C(services) that these change.
        - C(maintenance) are the files for ldirectord, true for those that come and false for those that go, and
          C(seconds) is how long it takes ldirectord to come to them.
      type: dict
    undrain:
      description: For each step the same; a file without a number goes.
      type: list
      elements: dict
    drained:
      description: For each director the files that are there, with their numbers.
      type: dict
    left:
      description: For each director the connections that are left, in numbers and in a C(text).
      type: dict
  sample:
    mistakes: []
    refusals: []
    drain: {files: {web@rs1: -65535}, maintenance: {}, seconds: 32, services: {lb1: []}}
    undrain: [{files: {web@rs1: null}, maintenance: {}, seconds: 32, services: {lb1: []}}]
    drained: {lb1: {web@rs1: -65535}}
    left: {lb1: {active: 3, persistent: 0, text: 3 active connections in web, open: [web], absent: []}}
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.capacity import drain_refusals
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.drain_files import DRAINED
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.drains import (
    changed_services,
    drain_of,
    drains_from_hostvars,
    left_in,
    unwatched,
    written_steps,
    wrong_names,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.maintenance import (
    maintenance_change,
    maintenance_mistakes,
    patience,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observations import (
    tables_from_hostvars,
    unread_tables,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.plain import plain


def cluster_drain(
    plans: Mapping[str, t.Any],
    hostvars: Mapping[str, t.Any],
    real_server: str = "",
    service: str = "",
    steps: int = 1,
) -> dict[str, t.Any]:
    described = plain(plans)
    if not isinstance(described, dict) or not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("cluster_drain: it needs the plans of cluster_plans, and hostvars.")
    directors = {name: plan["vars"] for name, plan in described.items() if plan["role"] == "director"}
    first: dict[str, t.Any] = next(iter(directors.values()), {})
    services = first.get("director_services", [])
    mistakes = wrong_names(services, plain(real_server), plain(service))
    if mistakes:
        return {"mistakes": mistakes, "refusals": [], "drain": {}, "undrain": [], "drained": {}, "left": {}}
    drain = drain_of(services, str(real_server), str(service))
    tables, watched = tables_from_hostvars(directors, hostvars)
    mistakes = unread_tables(directors, hostvars)
    owner = first.get("director_health_checks")
    step_count = int(plain(steps))
    if owner == "keepalived":
        mistakes += unwatched(drain, watched)
    elif owner == "ldirectord":
        mistakes += maintenance_mistakes(drain, services, step_count)

    def step(files: Mapping[str, int | None]) -> dict[str, t.Any]:
        numbers = {name: number or 0 for name, number in files.items()}
        return {
            "files": dict(files),
            "maintenance": maintenance_change(drain, files) if owner == "ldirectord" else {},
            "seconds": patience(drain),
            "services": {name: changed_services(drain, table, numbers) for name, table in tables.items()},
        }

    drained = {
        name: {file: number for file, number in found.items() if file in drain.files}
        for name, found in drains_from_hostvars(directors, hostvars).items()
    }
    lowest: dict[str, int] = {}
    for found in drained.values():
        for file, number in found.items():
            lowest[file] = min(number, lowest.get(file, 0))
    lefts = {name: left_in(table, drain) for name, table in tables.items()}
    return {
        "mistakes": mistakes,
        "refusals": drain_refusals(services, tables, drain.destinations),
        "drain": step(dict.fromkeys(drain.files, DRAINED)),
        "undrain": [step(files) for files in written_steps(drain, step_count, lowest)],
        "drained": drained,
        "left": {
            name: {
                "active": left.active,
                "persistent": left.persistent,
                "text": left.text,
                "open": list(left.open),
                "absent": list(left.absent),
            }
            for name, left in lefts.items()
        },
    }


class FilterModule:
    """The filter that works out a drain."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {"cluster_drain": cluster_drain}
