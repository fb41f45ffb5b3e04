# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that cannot be seen, and directors: daemon, sysctls, VIPs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .check_filters import two_masters, vrrp_drops
from .finding import Finding
from .mistakes import listed
from .observed import (
    SHARED_FILES,
    TABLE_UNIT,
    SeenHost,
    ServiceKey,
    Values,
    destinations_of,
    normal,
    version_of,
)
from .view import View


def check_unreachable_hosts(view: View) -> Iterator[Finding]:
    everything = frozenset(view.by_key)
    for host in view.hosts.values():
        if host.was_read or host.only_compared:
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
        yield from _check_owner(view, director)
        if not director.is_daemon_active:
            held = [address for address in view.floating if view.may_serve(director, address)]
            still = [address for address in view.floating if director.places_of(address)]
            yield Finding(
                director.name,
                f"{view.mover} is not running" + (f", but {listed(still, 'and')} is still here." if still else "."),
                "It was stopped, it failed, or it was killed and left its addresses behind."
                if still
                else "It was stopped or it failed.",
                f"Read journalctl -u {view.mover} -n 50, then systemctl start {view.mover}.",
                breaks=view.services_on(held),
                answering=frozenset([director.name]) if still else frozenset(),
            )
        elif not director.is_enabled(view.mover):
            yield Finding(
                director.name,
                f"{view.mover} runs, but does not start at boot.",
                "The unit is disabled.",
                f"Run systemctl enable {view.mover}, or run site.yml again.",
            )


def _check_owner(view: View, director: SeenHost) -> Iterator[Finding]:
    """Who owns the table, where that is another daemon than the one that moves the VIPs."""
    if view.owner in (view.mover, "none"):
        return
    if not director.is_active(view.owner):
        yield Finding(
            director.name,
            f"{view.owner} is not running: nobody takes dead real servers out of its table.",
            "It was stopped or it failed.",
            f"Read journalctl -u {view.owner} -n 50, then systemctl start {view.owner}.",
        )
    elif not director.is_enabled(view.owner):
        yield Finding(
            director.name,
            f"{view.owner} runs, but does not start at boot.",
            "The unit is disabled.",
            f"Run systemctl enable {view.owner}, or run site.yml again.",
        )


def check_shared_files(view: View) -> Iterator[Finding]:
    """heartbeat and ldirectord do not tell when two directors have different files: they go apart at the failover."""
    directors = view.looked_at_directors
    for path in SHARED_FILES:
        wanted = [each for each in directors if path in each.checksums]
        for director in wanted:
            if not director.checksums[path]:
                yield Finding(director.name, f"{path} is not there.", "Somebody removed it.", "Run site.yml again.")
        there = {each.name: each.checksums[path] for each in wanted if each.checksums[path]}
        if len(set(there.values())) > 1 and _may_be_equal(path, wanted):
            yield Finding(
                ", ".join(there),
                f"{path} is not the same on {listed(there, 'and')}.",
                "It was changed by hand on one of them, or site.yml did not reach all.",
                "Run site.yml again on both: it writes the described one.",
            )


def _may_be_equal(path: str, directors: Sequence[SeenHost]) -> bool:
    """Interfaces that are called differently stand in ha.cf and haresources."""
    if not path.endswith(("ha.cf", "haresources")):
        return True
    plans = [
        {**(each.wanted.get("director_heartbeat") or {}), "node": None, "vips": each.wanted.get("director_vips")}
        for each in directors
    ]
    return all(plan == plans[0] for plan in plans)


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
    wanted = [name for name in director.wanted.get("director_sysctls") or {} if name.startswith("net.ipv4.vs.")]
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
                breaks=view.carried_by(director),
            )
            continue
        wrong = _wrong_sysctls(director)
        if wrong:
            yield Finding(
                director.name,
                f"{listed((_sysctl_text(view, director, name) for name in wrong), 'and')}.",
                "Something changed it after site.yml, or another file in /etc/sysctl.d wins.",
                "Run site.yml again; if it comes back, find it with grep -r in /etc/sysctl.conf and /etc/sysctl.d.",
                breaks=frozenset().union(*(_sysctl_breaks(view, name) for name in wrong)) & view.carried_by(director),
            )
        yield from _switched_off_interfaces(view, director, wrong)


def _wrong_sysctls(director: SeenHost) -> list[str]:
    wanted = director.wanted.get("director_sysctls") or {}
    return [name for name, value in wanted.items() if str(director.sysctls.get(name)) != str(value)]


_FORWARDING = {"net.ipv4.ip_forward": 4, "net.ipv6.conf.all.forwarding": 6}


def _sysctl_text(view: View, director: SeenHost, name: str) -> str:
    seen = director.sysctls.get(name)
    wanted = director.wanted["director_sysctls"][name]
    text = f"{name} is {'missing' if seen is None else seen} instead of {wanted}"
    if name in _FORWARDING:
        return f"{text}, so this host forwards no packet of real servers"
    if name.endswith(".send_redirects"):
        return f"{text} (the larger of all and the interface counts), so this host tells others a way past itself"
    held = _held_clients(view, director) if name.endswith(".expire_quiescent_template") else []
    return (
        f"{text}, so clients stay on {listed(held, 'and')}, drained as {'they are' if held[1:] else 'it is'}"
        if held
        else text
    )


def _held_clients(view: View, director: SeenHost) -> list[str]:
    """Drained real servers on which persistence still holds clients."""
    held: dict[str, None] = {}
    for key, service in view.by_key.items():
        hosts = {normal(entry["address"]): entry["host"] for entry in service.get("real_servers") or ()}
        for (address, _port), seen in destinations_of((director.table or {}).get(key)).items():
            if service.get("persistence") and seen.get("weight") == 0 and seen.get("persistent_connections"):
                held[str(hosts.get(address, address))] = None
    return list(held)


def _sysctl_breaks(view: View, name: str) -> frozenset[ServiceKey]:
    if name in _FORWARDING:
        return view.services_of(forwarding="nat", version=_FORWARDING[name])
    return view.services_of(forwarding="nat", version=4) if name.endswith(".send_redirects") else frozenset()


def _switched_off_interfaces(view: View, director: SeenHost, wrong: Sequence[str]) -> Iterator[Finding]:
    """ip_forward is a switch for all interfaces at the time when it is set; each has its own, which counts."""
    if "net.ipv4.ip_forward" not in (director.wanted.get("director_sysctls") or {}) or "net.ipv4.ip_forward" in wrong:
        return
    places: list[Values] = [
        *(director.wanted.get("director_gateways") or ()),
        *(director.wanted.get("director_vips") or ()),
    ]
    used = dict.fromkeys(place["interface"] for place in places if version_of(normal(place["address"])) == 4)
    for name in used:
        if director.effective(name, "forwarding") == 0:
            sysctl = f"net.ipv4.conf.{str(name).replace('.', '/')}.forwarding"
            yield Finding(
                director.name,
                f"{sysctl} is 0, though net.ipv4.ip_forward is 1: what comes in on {name} is not forwarded.",
                "Something switched it off for this interface.",
                f"Run sysctl -w {sysctl}=1, and find who does it with grep -r forwarding in /etc/sysctl.conf and "
                "/etc/sysctl.d.",
                breaks=view.services_of(forwarding="nat", version=4) & view.carried_by(director),
            )


def check_kernel_modules(view: View) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        missing = [name for name, is_there in director.kernel_modules.items() if not is_there]
        if not missing or is_without_ip_vs(director):
            continue
        with_helper = {key for key, service in view.by_key.items() if service.get("helper")}
        scheduled = {key for key, service in view.by_key.items() if f"ip_vs_{service.get('scheduler')}" in missing}
        has_ftp = any("ftp" in name for name in missing)
        yield Finding(
            director.name,
            f"The kernel module{'s' if missing[1:] else ''} {listed(missing, 'and')} "
            f"{'are' if missing[1:] else 'is'} not loaded"
            + (": data connections of FTP do not pass." if has_ftp else "."),
            "It was removed, or not loaded at boot (/etc/modules-load.d/lvs-cluster.conf).",
            f"Run modprobe --all {' '.join(missing)}, then site.yml again.",
            breaks=(frozenset(with_helper if has_ftp else ()) | scheduled) & view.carried_by(director),
        )


def check_vip_holders(view: View) -> Iterator[Finding]:
    for names, addresses in two_masters(view).items():
        seen = [f"{name} drops them ({drop})" for name in names for drop in vrrp_drops(view.hosts[name])[:1]]
        yield Finding(
            ", ".join(names),
            f"{listed(names, 'and')} {'both' if len(names) == 2 else 'all'} hold {listed(addresses, 'and')}.",
            "Their heartbeats (UDP) do not reach each other: they are filtered, or the directors are cut off."
            if view.mover == "heartbeat"
            else "Their adverts do not reach each other: VRRP (IP protocol 112) is filtered, or they are cut off."
            if not seen
            else f"Their adverts (VRRP, IP protocol 112) do not reach each other: {listed(seen, 'and')}.",
            "Let UDP port 694 (heartbeat.port) pass between the directors, see it with tcpdump -ni any udp port 694, "
            "then run systemctl restart heartbeat on the one that shall be the standby."
            if view.mover == "heartbeat"
            else "Let IP protocol 112 pass between the directors (nft list ruleset, iptables -S) and see the adverts "
            "with tcpdump -ni any proto 112.",
            breaks=view.services_on(addresses),
            answering=frozenset(names),
        )
    orphans = [address for address in view.floating if not view.holders(address) and _is_orphan(view, address)]
    if orphans:
        active = [director.name for director in view.looked_at_directors if director.is_daemon_active]
        yield Finding(
            ", ".join(active),
            f"No director holds {listed(orphans, 'and')}, though {view.mover} runs.",
            "The address was removed by hand, or keepalived waits in the state FAULT (its interface is down)."
            if view.failover == "keepalived"
            else "The address was removed by hand.",
            f"Read journalctl -u {view.mover}, set the interface up, then systemctl restart {view.mover}: a reload "
            "does not bring an address back.",
            breaks=view.services_on(orphans),
        )
    yield from _parted_gateways(view)


def _is_orphan(view: View, address: str) -> bool:
    """Whether it is sure that nobody holds the address and that no stopped keepalived is why."""
    if not any(director.is_daemon_active for director in view.looked_at_directors):
        return False
    return not view.has_unseen_director() or view.neighbours.get(address) == []


def _parted_gateways(view: View) -> Iterator[Finding]:
    """Answers have to come back through the director that knows the connection."""
    holders = [view.holders(vip) for vip in view.vips]
    active = {holding[0].name for holding in holders if len(holding) == 1}
    for gateway in view.gateways:
        holding = view.holders(gateway)
        if len(holding) == 1 and len(active) == 1 and holding[0].name not in active:
            yield Finding(
                holding[0].name,
                f"It holds the gateway {gateway}, but {listed(active, 'and')} holds the VIPs: the answers of the real "
                "servers come to a director that does not know their connections.",
                "The address was added by hand, or the gateway is not in the same VRRP instance as the VIPs."
                if view.mover == "keepalived"
                else "The address was added by hand.",
                f"Run ip address del {gateway} here (ip address show tells the prefix and the interface), then "
                f"systemctl restart {view.mover} on {listed(active, 'and')}.",
                breaks=view.services_on([gateway]),
            )


def check_vip_places(view: View) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        for wanted in (
            *(director.wanted.get("director_vips") or ()),
            *(director.wanted.get("director_gateways") or ()),
        ):
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
