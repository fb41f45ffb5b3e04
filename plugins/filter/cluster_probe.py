# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_probe
short_description: Say which connections prove that each real server gets its share
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
description:
  - Gives the connections to open to each TCP service of a director, so many that every weighted real server is due
    some, at most 200 for each service.
options:
  _input:
    description: The variables of one director's plan, as P(lvs.cluster.cluster_plans#filter) gives them.
    type: dict
    required: true
seealso:
  - plugin: lvs.cluster.cluster_findings
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Connect to every service
  lvs.cluster.vip_probe:
    connections: "{{ plans['lb1']['vars'] | lvs.cluster.cluster_probe }}"
"""

RETURN = r"""
_value:
  description: A list of dictionaries with C(address), C(port) and C(count).
  type: list
  elements: dict
  sample:
    - {address: 192.0.2.100, port: 80, count: 12}
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.probe import probe_connections
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.plain import plain


def cluster_probe(director: object) -> list[dict[str, t.Any]]:
    if not isinstance(director, Mapping):
        raise AnsibleFilterError("cluster_probe: its input must be the vars of a director's plan.")
    return probe_connections(plain(director))


class FilterModule:
    """The filter that plans the probe."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {"cluster_probe": cluster_probe}
