# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Argument specifications of the ipvs modules, in parts that merge; the twin of doc_fragments/ipvs.py."""

from __future__ import annotations

from typing import Any, Dict

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.daemon import ROLES
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.desired import PURGES
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    FAMILIES,
    FORWARDINGS,
    PERSISTENCE_ENGINES,
    PROTOCOLS,
    SCHEDULER_FLAGS,
    SCHEDULERS,
    TUNNEL_CHECKSUMS,
    TUNNEL_TYPES,
)

Spec = Dict[str, Dict[str, Any]]  # evaluated on Python 3.8

SERVICE_KEY: Spec = {
    "address": {"type": "str"},
    "port": {"type": "int"},
    "protocol": {"type": "str", "choices": list(PROTOCOLS), "default": "tcp"},
    "fwmark": {"type": "int"},
    "family": {"type": "str", "choices": list(FAMILIES), "default": "ipv4"},
}

# To look for services: what is not given, matches all.
SERVICE_FILTER: Spec = {
    option: {name: value for name, value in spec.items() if name != "default"} for option, spec in SERVICE_KEY.items()
}

SERVICE: Spec = {
    "scheduler": {"type": "str", "choices": list(SCHEDULERS)},
    "scheduler_flags": {"type": "list", "elements": "str", "choices": list(SCHEDULER_FLAGS)},
    "persistence": {"type": "int"},
    "persistence_netmask": {"type": "str"},
    "persistence_engine": {"type": "str", "choices": [*PERSISTENCE_ENGINES, "none"]},
    "one_packet": {"type": "bool"},
}

DESTINATION_KEY: Spec = {
    "destination": {"type": "str", "required": True},
    "destination_port": {"type": "int"},
}

DESTINATION: Spec = {
    "forwarding": {"type": "str", "choices": list(FORWARDINGS)},
    "weight": {"type": "int"},
    "upper_threshold": {"type": "int"},
    "lower_threshold": {"type": "int"},
    "tunnel_type": {"type": "str", "choices": list(TUNNEL_TYPES)},
    "tunnel_port": {"type": "int"},
    "tunnel_checksum": {"type": "str", "choices": list(TUNNEL_CHECKSUMS)},
}

STATE: Spec = {"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}}

DESTINATION_STATE: Spec = {
    "state": {"type": "str", "choices": ["present", "absent", "drained"], "default": "present"},
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 300},
}

TABLE: Spec = {
    "services": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            **SERVICE_KEY,
            **SERVICE,
            "destinations": {"type": "list", "elements": "dict", "options": {**DESTINATION_KEY, **DESTINATION}},
        },
    },
    "purge": {"type": "str", "choices": list(PURGES), "default": "none"},
    "scope": {"type": "list", "elements": "str"},
    "keep_weights": {"type": "bool", "default": False},
    "allow_empty": {"type": "bool", "default": False},
}

TIMEOUTS: Spec = {
    "tcp": {"type": "int"},
    "tcp_fin": {"type": "int"},
    "udp": {"type": "int"},
}

DAEMON: Spec = {
    "role": {"type": "str", "choices": list(ROLES), "required": True},
    "interface": {"type": "str"},
    "sync_id": {"type": "int"},
    "multicast_group": {"type": "str"},
    "multicast_port": {"type": "int"},
    "multicast_ttl": {"type": "int"},
    "max_length": {"type": "int"},
}
