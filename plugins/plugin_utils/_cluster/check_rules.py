# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Marks, translations, firewall, tunnels and gateways, as their own modules compare them, and what the boot loads."""

from __future__ import annotations

from collections.abc import Iterator

from .finding import Finding, Found
from .mistakes import listed
from .observed import (
    RULES_SCRIPT,
    RULES_UNIT,
    SeenHost,
    ServiceKey,
    is_mark,
)
from .view import View

_WHAT = {
    "fwmark": "Its packet marks are",
    "nat": "Its address translations are",
    "firewall": "Its firewall is",
    "tunnel": "Its tunnels are",
    "default_gateway": "Its default gateway is",
    "arp_hide": "Its VIPs are",
}
_RULES = ("fwmark", "nat", "firewall")


def wants_rules(director: SeenHost) -> bool:
    nat = director.wanted.get("director_nat") or {}
    return bool(
        director.wanted.get("director_fwmarks") or any(nat.values()) or director.wanted.get("director_firewall")
    )


def check_rules_at_boot(view: View) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        if not wants_rules(director):
            continue
        unit = director.services.get(RULES_UNIT) or {}
        if not unit.get("enabled"):
            yield Finding(
                director.name,
                f"Its {_parts_text(director)} do not come back at boot.",
                f"The unit {RULES_UNIT} is disabled or was removed.",
                "Run site.yml again.",
            )
        elif not unit.get("active"):
            yield Finding(
                director.name,
                f"The unit {RULES_UNIT}, which brings its {_parts_text(director)} back at boot, is not active.",
                f"It was stopped, or it failed: the kernel refused a line of {RULES_SCRIPT}.",
                f"Read journalctl -u {RULES_UNIT}, then run site.yml again.",
            )
        else:
            yield from _boot_differences(director)


def _parts_text(director: SeenHost) -> str:
    parts = {
        "packet marks": director.wanted.get("director_fwmarks"),
        "address translations": any((director.wanted.get("director_nat") or {}).values()),
        "firewall rules": director.wanted.get("director_firewall"),
    }
    return listed((name for name, is_wanted in parts.items() if is_wanted), "and")


def _boot_differences(director: SeenHost) -> Iterator[Finding]:
    """Each module says what the boot has to load for the described rules."""
    if RULES_SCRIPT not in director.files:
        return
    lines = {str(line).strip() for line in director.files[RULES_SCRIPT] or ()}
    for module in _RULES:
        texts = (director.compared.get(module) or {}).get("rules") or {}
        wanted = [line.strip() for text in texts.values() for line in str(text or "").splitlines() if line.strip()]
        missing = [line for line in wanted if line not in lines]
        if missing:
            yield Finding(
                director.name,
                f"After a reboot {_WHAT[module][0].lower()}{_WHAT[module][1:]} not as described: {RULES_SCRIPT} lacks "
                f"{missing[0]}{_more(len(missing) - 1)}.",
                "The file was changed by hand, or the description was changed and site.yml not run.",
                "Run site.yml again.",
            )


def check_compared(view: View, found: Found) -> Iterator[Finding]:
    explained = {(finding.host, module) for finding in found for module in finding.explains}
    for host in view.hosts.values():
        for module, result in host.compared.items():
            if (host.name, module) in explained:
                continue
            operations = [str(operation) for operation in result.get("operations") or ()]
            if "operations" not in result:
                yield Finding(
                    host.name,
                    f"It could not be seen whether {_WHAT[module][0].lower()}{_WHAT[module][1:]} as described.",
                    str(result.get("msg") or f"The module lvs.cluster.{module} failed there."),
                    "Mend that and run the playbook again.",
                )
            elif operations:
                yield Finding(
                    host.name,
                    f"{_WHAT[module]} not as described: site.yml would run "
                    f"{operations[0]}{_more(len(operations) - 1)}.",
                    "It was changed by hand or by another program, it did not come back after a reboot, or the "
                    "description was changed and site.yml not run.",
                    "Run site.yml again.",
                    breaks=_breaks(view, host, module),
                )


def _more(number: int) -> str:
    return f" (and {number} more)" if number > 0 else ""


def _breaks(view: View, host: SeenHost, module: str) -> frozenset[ServiceKey]:
    if module == "tunnel":
        return view.services_of(host.name, forwarding="tunnel")
    if module == "default_gateway":
        return view.services_of(host.name, forwarding="nat")
    if module == "arp_hide":
        return view.services_of(host.name, forwarding="direct")
    carried = view.carried_by(host)
    if module == "fwmark":
        return frozenset(key for key in carried if is_mark(key))
    return carried & view.services_of(forwarding="nat") if module == "nat" else carried
