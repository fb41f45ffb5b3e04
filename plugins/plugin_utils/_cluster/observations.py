# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the playbooks register on each host, as the checks take it."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping

from .inventory import macs_from_facts, variables_of
from .observed import KEEPALIVED_CONF, ServiceKey, Values, read_table
from .plain import plain

#: What verify registers of a module that ran in check mode, and the module.
COMPARED = {
    "lvs_marks": "fwmark",
    "lvs_nat": "nat",
    "lvs_firewall": "firewall",
    "lvs_tunnel": "tunnel",
    "lvs_gateway": "default_gateway",
    "lvs_arp_hide": "arp_hide",
}


def observations_from_hostvars(
    plans: Values, hostvars: Mapping[str, Values], probe_host: str | None, hosts: Iterable[str] = ()
) -> dict[str, t.Any]:
    """The observations, taken from what the playbook ``verify`` registers on each host.

    ``lvs_host`` and ``lvs_host_after`` (host_info before and after the probe), ``lvs_table`` and ``lvs_table_after``
    (ipvs_info) and the results in ``COMPARED`` (modules in check mode) on the hosts that have a plan, ``lvs_probe``
    (vip_probe) on ``probe_host``; and of all of them the hardware addresses in their facts. ``hosts`` are looked for as
    well: a director that cannot be reached has no plan, and would be missing without being missed.
    """
    seen = {name: _registered(hostvars, name) for name in (*plans, *hosts)}
    probe = None
    if probe_host is not None and probe_host in hostvars:
        result = plain(hostvars[probe_host].get("lvs_probe"))
        if isinstance(result, dict) and "connections" in result:
            probe = {"from": probe_host, **{key: result.get(key) for key in ("neighbours", "cached", "connections")}}
    macs = {name: macs_from_facts(plain(variables_of(name, hostvars).get("ansible_facts"))) for name in seen}
    return {"hosts": seen, "probe": probe, "macs": macs}


def _registered(hostvars: Mapping[str, Values], name: str) -> dict[str, t.Any]:
    variables = variables_of(name, hostvars)
    look = plain(variables.get("lvs_host"))
    if not isinstance(look, dict) or look.get("unreachable"):
        return {"unreachable": True}
    after = plain(variables.get("lvs_host_after"))
    files = plain(variables.get("lvs_files"))
    entries = files.get("results") if isinstance(files, dict) else None
    compared = {module: plain(variables.get(name)) for name, module in COMPARED.items()}
    return {
        "host": look.get("host"),
        "only_compared": bool(look.get("skipped")),
        "host_after": after.get("host") if isinstance(after, dict) else None,
        "ipvs": plain(variables.get("lvs_table")),
        "ipvs_after": plain(variables.get("lvs_table_after")),
        "drains": (plain(variables.get("lvs_drains")) or {}).get("stdout_lines"),
        "compared": {
            module: result
            for module, result in compared.items()
            if isinstance(result, dict) and not result.get("skipped")
        },
        "checksums": {
            str(entry.get("lvs_file")): str((entry.get("stat") or {}).get("checksum") or "")
            for entry in entries or ()
            if isinstance(entry, dict) and not entry.get("skipped")
        },
        "unreachable": False,
    }


def tables_from_hostvars(
    names: Iterable[str], hostvars: Mapping[str, Values]
) -> tuple[dict[str, dict[ServiceKey, Values]], dict[str, list[str]]]:
    """Of the directors that were looked at the kernel's table, and the lines ``track_file`` of ``keepalived.conf``."""
    tables, watched = {}, {}
    for name in names:
        variables = variables_of(name, hostvars)
        table = read_table(plain(variables.get("lvs_table")))[0]
        look = plain(variables.get("lvs_host"))
        files = (look.get("host") or {}).get("files") if isinstance(look, dict) else None
        if table is not None:
            tables[name] = table
        if files is not None:
            watched[name] = [str(line).strip() for line in files.get(KEEPALIVED_CONF) or ()]
    return tables, watched


def unread_tables(names: Iterable[str], hostvars: Mapping[str, Values]) -> list[str]:
    """For each director that was looked at without success a sentence."""
    results = {name: plain(variables_of(name, hostvars).get("lvs_table")) for name in names}
    return [
        f"The IPVS table of {name} could not be read: {read_table(result)[1] or 'the module gave no reason'}"
        for name, result in results.items()
        if result is not None and read_table(result)[0] is None
    ]
