# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that cannot be seen, and directors: daemon, sysctls, VIPs."""

from __future__ import annotations

from collections.abc import Iterator

from .finding import Finding
from .mistakes import listed
from .observed import TABLE_UNIT, SeenHost, View, normal


def check_unreachable_hosts(view: View) -> Iterator[Finding]:
    everything = frozenset(view.by_key)
    for host in view.hosts.values():
        if host.was_read:
            continue
        if host.role == "director":
            breaks = frozenset() if view.looked_at_directors else everything
        else:
            breaks = view.services_of(host.name)
        if host.is_reachable:
            yield Finding(
                host.name,
                "Its state could not be read, so nothing on it is proven.",
                "The module lvs.cluster.host_info failed there.",
                "Look at its error above, mend it and run the playbook again.",
                breaks=breaks,
            )
        else:
            yield Finding(
                host.name,
                "It cannot be reached, so nothing on it is proven.",
                "The machine is off, its network is cut, or SSH does not let Ansible in.",
                "Bring it back (or take it out of the inventory), then run the playbook again.",
                breaks=breaks,
            )


def check_daemon(view: View) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        if not director.is_daemon_active:
            held = [vip for vip in view.vips if view.may_serve(director, vip)]
            still = [vip for vip in view.vips if director.places_of(vip)]
            yield Finding(
                director.name,
                "keepalived is not running" + (f", but {listed(still, 'and')} is still here." if still else "."),
                "It was stopped, it failed, or it was killed and left its addresses behind."
                if still
                else "It was stopped or it failed.",
                "Read journalctl -u keepalived -n 50, then systemctl start keepalived.",
                breaks=view.services_on(held),
                answering=frozenset([director.name]) if still else frozenset(),
            )
        elif not director.is_daemon_enabled:
            yield Finding(
                director.name,
                "keepalived runs, but does not start at boot.",
                "The unit is disabled.",
                "Run systemctl enable keepalived, or run site.yml again.",
            )


def check_table_unit(view: View) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        if view.is_checked:
            continue  # keepalived brings its table itself
        if not director.table_unit.get("enabled"):
            yield Finding(
                director.name,
                "Its IPVS table does not come back at boot.",
                f"The unit {TABLE_UNIT} is disabled or was removed.",
                "Run site.yml again.",
            )
        elif not director.table_unit.get("active"):
            yield Finding(
                director.name,
                f"The unit {TABLE_UNIT}, which brings its IPVS table back at boot, is not active.",
                "It was stopped, or it failed: the kernel refused a line of /etc/lvs-cluster/table.rules.",
                f"Read journalctl -u {TABLE_UNIT}, then run site.yml again.",
            )


def is_without_ip_vs(director: SeenHost) -> bool:
    wanted = director.wanted.get("director_sysctls") or {}
    # Reading the table loads the module, so an empty one says no more than none.
    return bool(wanted) and not director.table and all(director.sysctls.get(name) is None for name in wanted)


def check_sysctls(view: View) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        if is_without_ip_vs(director):
            yield Finding(
                director.name,
                "The kernel module ip_vs is not loaded: there is neither a table nor its sysctls.",
                "The module was removed, or the running kernel does not have it.",
                "Run modprobe ip_vs, then site.yml again; if that fails, install the kernel's extra modules.",
                breaks=view.services_on(vip for vip in view.vips if view.may_serve(director, vip)),
            )
            continue
        wrong = _wrong_sysctls(director)
        if wrong:
            yield Finding(
                director.name,
                f"{listed(wrong, 'and')}.",
                "Something changed it after site.yml, or another file in /etc/sysctl.d wins.",
                "Run site.yml again; if it comes back, find it with grep -r in /etc/sysctl.conf and /etc/sysctl.d.",
            )


def _wrong_sysctls(director: SeenHost) -> list[str]:
    wrong = []
    for name, value in (director.wanted.get("director_sysctls") or {}).items():
        seen = director.sysctls.get(name)
        if str(seen) != str(value):
            wrong.append(f"{name} is {'missing' if seen is None else seen} instead of {value}")
    return wrong


def check_vip_holders(view: View) -> Iterator[Finding]:
    shared: dict[tuple[str, ...], list[str]] = {}
    orphans = []
    for vip in view.vips:
        holders = view.holders(vip)
        # What a stopped keepalived left behind is named with it.
        speaking = [director for director in holders if director.is_daemon_active]
        if len(speaking) > 1:
            shared.setdefault(tuple(director.name for director in speaking), []).append(vip)
        elif not holders and _is_orphan(view, vip):
            orphans.append(vip)
    for names, vips in shared.items():
        yield Finding(
            ", ".join(names),
            f"{listed(names, 'and')} both hold {listed(vips, 'and')}."
            if len(names) == 2
            else f"{listed(names, 'and')} all hold {listed(vips, 'and')}.",
            "Their adverts do not reach each other: VRRP (IP protocol 112) is filtered, or they are cut off.",
            "Let IP protocol 112 pass between the directors (nft list ruleset, iptables -S) and see the adverts with "
            "tcpdump -ni any proto 112.",
            breaks=view.services_on(vips),
            answering=frozenset(names),
        )
    if orphans:
        active = [director.name for director in view.looked_at_directors if director.is_daemon_active]
        yield Finding(
            ", ".join(active),
            f"No director holds {listed(orphans, 'and')}, though keepalived runs.",
            "The address was removed by hand, or keepalived waits in the state FAULT (its interface is down)."
            if view.failover == "keepalived"
            else "The address was removed by hand.",
            "Read journalctl -u keepalived, set the interface up, then systemctl restart keepalived: a reload does not "
            "bring an address back.",
            breaks=view.services_on(orphans),
        )


def _is_orphan(view: View, vip: str) -> bool:
    """Whether it is sure that nobody holds the VIP and that no stopped keepalived is why."""
    if not any(director.is_daemon_active for director in view.looked_at_directors):
        return False
    return not view.has_unseen_director() or view.neighbours.get(vip) == []


def check_vip_places(view: View) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        for wanted in director.wanted.get("director_vips") or ():
            vip, prefix, interface = normal(wanted["address"]), wanted["prefix"], wanted["interface"]
            for place in director.places_of(vip):
                seen_prefix, seen_interface = int(place.get("prefix") or 0), place.get("interface")
                if seen_prefix != prefix or seen_interface != interface:
                    yield Finding(
                        director.name,
                        f"{vip}/{seen_prefix} is on {seen_interface} instead of {vip}/{prefix} on {interface}.",
                        "It was added by hand or by the host's own network configuration.",
                        f"Run ip address del {vip}/{seen_prefix} dev {seen_interface}, take it out of the network "
                        "configuration, then run site.yml again.",
                        breaks=view.services_on([vip]),
                        answering=frozenset([director.name]),
                    )
