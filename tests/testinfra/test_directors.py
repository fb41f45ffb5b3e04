# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directors once the example is built, seen by tools that are not ours."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address

from conftest import addresses

FORWARDING = {"direct": "-g", "nat": "-m", "tunnel": "-i"}
TUNNELS = {
    "ipip": " --tun-type ipip",
    "gue": " --tun-type gue --tun-port 6080 --tun-nocsum",
    "gre": " --tun-type gre --tun-nocsum",
}


def bracketed(address: str) -> str:
    return f"[{address}]" if ip_address(address).version == 6 else address


def described_lines(service):
    """What `ipvsadm -Sn` prints for a service; MARK stands for a mark that was chosen."""
    six = " -6" if service.family == "ipv6" else ""
    protocol = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}[service.protocol]
    persistence = f" -p {service.persistence}" if service.persistence else ""
    if service.marked:
        keys = [f"-f {service.mark or 'MARK'}{six}"]
        ports = [0]
    else:
        ports = [int(service.ports[0]) if service.ports else 0]
        keys = [f"{protocol} {bracketed(vip)}:{ports[0]}" for vip in service.vips]
    tunnel = TUNNELS[service.tunnel_type] if service.forwarding == "tunnel" else ""
    for key in keys:
        yield f"-A {key} -s {service.scheduler}{persistence}"
        for member in service.members:
            port = ports[0] if service.marked else member.port or 0
            kind = FORWARDING[service.forwarding]
            words = f"-r {bracketed(member.address)}:{port} {kind} -w {member.weight}"
            yield f"-a {key} {words}{tunnel}"


def present_lines(host, example):
    """The same of a director's table; MARK for marks that no service pins."""
    pinned = {str(service.mark) for service in example.services if service.mark}
    for line in host.check_output("ipvsadm -Sn").splitlines():
        words = line.split()
        if words[1] == "-f" and words[2] not in pinned:
            words[2] = "MARK"
        yield " ".join(words)


def test_the_table_is_the_described_one_on_every_director(director, machine, example):
    described = Counter(line for service in example.services for line in described_lines(service))
    assert Counter(present_lines(machine(director), example)) == described


def test_every_chosen_mark_is_one_of_the_range_and_of_one_service(director, machine, example):
    first, last = example.cluster.get("fwmark_range", (1000, 1999))
    words = [line.split() for line in machine(director).check_output("ipvsadm -Sn").splitlines()]
    marks = [(int(line[2]), "-6" in line) for line in words if line[:2] == ["-A", "-f"]]
    assert len(set(marks)) == len(marks)
    pinned = {service.mark for service in example.services}
    assert all(first <= mark <= last for mark, dummy in marks if mark not in pinned)


JUDGES = {
    "keepalived": "unshare --fork --pid keepalived --config-test",
    # A copy has no daemon that it could stop.
    "ldirectord": "cp /etc/ha.d/ldirectord.cf /tmp/judged.cf && ldirectord /tmp/judged.cf stop",
    "heartbeat": "cl_status hbstatus",
}
FILES = {
    "keepalived": {"/etc/keepalived/keepalived.conf": 0o640},
    "ldirectord": {"/etc/ha.d/ldirectord.cf": 0o600},
    "heartbeat": {"/etc/ha.d/authkeys": 0o600, "/etc/ha.d/ha.cf": 0o644, "/etc/ha.d/haresources": 0o644},
}


def test_the_daemons_run_now_and_at_boot_and_accept_their_configuration(director, machine, example):
    host = machine(director)
    for daemon, judge in JUDGES.items():
        service = host.service(daemon)
        assert service.is_running == (daemon in example.daemons), daemon
        if daemon in example.daemons:
            assert service.is_enabled
            assert host.run(judge).rc == 0


def test_connections_are_told_and_learnt_now_and_at_boot(director, machine, example):
    host = machine(director)
    running = [line.split()[0] for line in host.check_output("ipvsadm -L --daemon").splitlines() if "mcast" in line]
    assert running == (["master", "backup"] if example.synchronises else [])
    assert host.service("lvs-cluster-sync").is_enabled == example.synchronises


def test_files_belong_to_root_with_narrow_modes(director, machine, example):
    wanted = {"/etc/modules-load.d/lvs-cluster.conf": 0o644, "/etc/sysctl.d/60-lvs-cluster.conf": 0o644}
    for daemon in example.daemons:
        wanted.update(FILES[daemon])
    for path, mode in wanted.items():
        file = machine(director).file(path)
        assert (file.user, file.group, file.mode) == ("root", "root", mode), path


def test_both_directors_have_the_same_files_of_heartbeat_and_ldirectord(machine, example):
    for daemon in sorted(set(example.daemons) - {"keepalived"}):
        for path in FILES[daemon]:
            assert len({machine(name).file(path).sha256sum for name in example.directors}) == 1, path


def test_sysctls_are_in_force(director, machine, example):
    host = machine(director)
    assert host.sysctl("net.ipv4.vs.expire_nodest_conn") == 1
    assert host.sysctl("net.ipv4.vs.expire_quiescent_template") == 1
    forwarded = {service.family for service in example.services if service.forwarding == "nat"}
    if "ipv4" in forwarded:
        assert host.sysctl("net.ipv4.ip_forward") == 1
    if "ipv6" in forwarded:
        assert host.sysctl("net.ipv6.conf.all.forwarding") == 1
    if example.nat.get("local_clients"):
        assert host.sysctl("net.ipv4.vs.conntrack") == 1
        # The larger of the two counts.
        assert [host.sysctl(f"net.ipv4.conf.{where}.send_redirects") for where in ("all", "eth0")] == [0, 0]


def test_floating_addresses_that_move_together_are_on_one_director(example, machine):
    held = {name: set(example.floating) & set(addresses(machine(name))) for name in example.directors}
    for group in example.together:
        assert max(len(group & some) for some in held.values()) == len(group), held
    assert sum(len(some) for some in held.values()) == len(example.floating), held


def test_no_switch_that_takes_rules_back_is_still_armed(director, machine):
    assert machine(director).check_output("systemctl list-timers --all --no-legend 'lvs-cluster-undo*'") == ""
