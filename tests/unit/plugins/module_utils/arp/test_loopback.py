# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VIPs on lo0 of BSD, macOS and Solaris. Recorded, not run: what programs print is as their manuals show it.

The laws hold for a host that is played by the plan's own command lines.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import plistlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.module_utils._arp.elsewhere import hide, observe
from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.loopback import (
    BEGIN,
    END,
    SYSTEMS,
    Place,
    Run,
    Seen,
    System,
    Write,
    plan,
)
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import Request
from ansible_collections.lvs.cluster.plugins.modules.arp_hide import method_of

VIP = ipaddress.ip_address("192.0.2.100")
VIP6 = ipaddress.ip_address("2001:db8:2::100")

FREEBSD = """\
em0: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500
\toptions=481009b<RXCSUM,TXCSUM,VLAN_MTU,VLAN_HWTAGGING,VLAN_HWCSUM,VLAN_HWFILTER,NOMAP>
\tether 08:00:27:00:00:01
\tinet 192.0.2.21 netmask 0xffffff00 broadcast 192.0.2.255
\tinet6 fe80::a00:27ff:fe00:1%em0 prefixlen 64 scopeid 0x1
\tmedia: Ethernet autoselect (1000baseT <full-duplex>)
\tstatus: active
lo0: flags=1008049<UP,LOOPBACK,RUNNING,MULTICAST,LOWER_UP> metric 0 mtu 16384
\toptions=680003<RXCSUM,TXCSUM,LINKSTATE,RXCSUM_IPV6,TXCSUM_IPV6>
\tinet 127.0.0.1 netmask 0xff000000
\tinet 192.0.2.100 netmask 0xffffffff
\tinet6 ::1 prefixlen 128
\tinet6 fe80::1%lo0 prefixlen 64 scopeid 0x2
\tgroups: lo
"""
OPENBSD = """\
lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 32768
\tindex 3 priority 0 llprio 3
\tgroups: lo
\tinet6 ::1 prefixlen 128
\tinet6 fe80::1%lo0 prefixlen 64 scopeid 0x3
\tinet 127.0.0.1 netmask 0xff000000
\tinet 192.0.2.100 netmask 0xffffffff
vio0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500
\tlladdr 08:00:27:00:00:01
\tmedia: Ethernet autoselect
\tinet 192.0.2.21 netmask 0xffffff00 broadcast 192.0.2.255
tun0: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> mtu 1500
\tinet 10.0.0.1 --> 10.0.0.2 netmask 0xffffffff
"""
MACOS = """\
lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 16384
\toptions=1203<RXCSUM,TXCSUM,TXSTATUS,SW_TIMESTAMP>
\tinet 127.0.0.1 netmask 0xff000000
\tinet6 ::1 prefixlen 128
\tinet6 fe80::1%lo0 prefixlen 64 scopeid 0x1
\tinet6 2001:db8:2::100 prefixlen 128
\tnd6 options=201<PERFORMNUD,DAD>
en0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500
\tether 08:00:27:00:00:01
\tinet6 fe80::c2a:1b2c:3d4e:5f60%en0 prefixlen 64 secured scopeid 0x4
\tinet 192.0.2.21 netmask 0xffffff00 broadcast 192.0.2.255
"""
SOLARIS = r"""
lo0/v4:static:U--:127.0.0.1/8
net0/v4:dhcp:U--:?
net0/v4a:static:U--:192.0.2.21/24
tun0/v4:static:U--:10.0.0.1->10.0.0.2
lo0/v6:static:U--:\:\:1/128
net0/v6:addrconf:---:fe80\:\:8\:20ff\:fe00\:1/10
lo0/lvs_0000beef:static:---:2001\:db8\:2\:\:100/128
""".strip()


def texts(places: tuple[Place, ...]) -> list[str]:
    return [f"{place.interface} {place.address}" for place in places]


@pytest.mark.proves(system=["FreeBSD", "OpenBSD", "macOS"], method="loopback", how="recorded")
def test_addresses_that_ifconfig_prints() -> None:
    assert texts(SYSTEMS["FreeBSD"].places(FREEBSD)) == [
        "em0 192.0.2.21/24",
        "em0 fe80::a00:27ff:fe00:1/64",
        "lo0 127.0.0.1/8",
        "lo0 192.0.2.100/32",
        "lo0 ::1/128",
        "lo0 fe80::1/64",
    ]
    assert texts(SYSTEMS["OpenBSD"].places(OPENBSD)) == [
        "lo0 ::1/128",
        "lo0 fe80::1/64",
        "lo0 127.0.0.1/8",
        "lo0 192.0.2.100/32",
        "vio0 192.0.2.21/24",
        "tun0 10.0.0.1/32",
    ]
    assert texts(SYSTEMS["Darwin"].places(MACOS)) == [
        "lo0 127.0.0.1/8",
        "lo0 ::1/128",
        "lo0 fe80::1/64",
        "lo0 2001:db8:2::100/128",
        "en0 fe80::c2a:1b2c:3d4e:5f60/64",
        "en0 192.0.2.21/24",
    ]


@pytest.mark.proves(system="OpenBSD", method="loopback", how="recorded")
def test_openbsd_is_asked_for_aliases_too() -> None:
    # ifconfig(8) there: -a leaves them out.
    assert SYSTEMS["OpenBSD"].look == ("/sbin/ifconfig", "-A")


@pytest.mark.parametrize("name", ["wan-0", "vlan1.2", "0uplink"])
def test_an_interface_of_any_name_ends_the_one_before(name: str) -> None:
    printed = FREEBSD + f"{name}: flags=8843<UP> metric 0 mtu 1500\n\tinet 192.0.2.101 netmask 0xffffff00\n"
    assert texts(SYSTEMS["FreeBSD"].places(printed))[-1] == f"{name} 192.0.2.101/24"


def test_masks_in_the_form_that_ifconfig_can_be_told_to_use() -> None:
    printed = "lo0: flags=1008049<UP> metric 0 mtu 16384\n\tinet 127.0.0.1/8\n\tinet 192.0.2.100/32\n"
    assert texts(SYSTEMS["FreeBSD"].places(printed)) == ["lo0 127.0.0.1/8", "lo0 192.0.2.100/32"]


@pytest.mark.proves(system="Solaris 11, illumos", method="loopback", how="recorded")
def test_addresses_that_ipadm_prints() -> None:
    found = SYSTEMS["SunOS"].places(SOLARIS)
    assert texts(found) == [
        "lo0 127.0.0.1/8",
        "net0 192.0.2.21/24",
        "lo0 ::1/128",
        "net0 fe80::8:20ff:fe00:1/10",
        "lo0 2001:db8:2::100/128",
    ]
    assert [place.lasts for place in found] == [True, True, True, False, False]
    with pytest.raises(HideError, match="not understood"):
        SYSTEMS["SunOS"].places("ipadm: unknown")


#: System, VIP, the command that sets it, and the one that takes it away.
COMMANDS = [
    (
        "FreeBSD",
        VIP,
        "/sbin/ifconfig lo0 inet 192.0.2.100 netmask 255.255.255.255 alias",
        "/sbin/ifconfig lo0 inet 192.0.2.100 -alias",
    ),
    (
        "FreeBSD",
        VIP6,
        "/sbin/ifconfig lo0 inet6 2001:db8:2::100 prefixlen 128 alias",
        "/sbin/ifconfig lo0 inet6 2001:db8:2::100 -alias",
    ),
    (
        "OpenBSD",
        VIP,
        "/sbin/ifconfig lo0 inet alias 192.0.2.100 netmask 255.255.255.255",
        "/sbin/ifconfig lo0 inet 192.0.2.100 delete",
    ),
    (
        "OpenBSD",
        VIP6,
        "/sbin/ifconfig lo0 inet6 alias 2001:db8:2::100 prefixlen 128",
        "/sbin/ifconfig lo0 inet6 2001:db8:2::100 delete",
    ),
    (
        "Darwin",
        VIP,
        "/sbin/ifconfig lo0 inet 192.0.2.100 netmask 255.255.255.255 alias",
        "/sbin/ifconfig lo0 inet 192.0.2.100 -alias",
    ),
    (
        "SunOS",
        VIP,
        "/usr/sbin/ipadm create-addr -T static -a 192.0.2.100/32 lo0/lvs_2fe0f6d9",
        "/usr/sbin/ipadm delete-addr lo0/lvs_2fe0f6d9",
    ),
]


@pytest.mark.proves(system="Solaris 11, illumos", method="loopback", how="recorded")
def test_what_ifconfig_set_on_solaris_is_removed_by_ifconfig() -> None:
    place = Place("lo0", ipaddress.ip_interface("192.0.2.100/32"), "lo0/?")
    assert " ".join(SYSTEMS["SunOS"].remove(place)) == "/usr/sbin/ifconfig lo0 inet removeif 192.0.2.100"


@pytest.mark.proves(system=["FreeBSD", "OpenBSD", "macOS", "Solaris 11, illumos"], method="loopback", how="recorded")
@pytest.mark.parametrize(("name", "vip", "adds", "removes"), COMMANDS)
def test_command_lines(name: str, vip: ipaddress.IPv4Address, adds: str, removes: str) -> None:
    system = SYSTEMS[name]
    assert " ".join(system.add(vip, lasts=True)) == adds
    place = Place("lo0", ipaddress.ip_interface(f"{vip}/{vip.max_prefixlen}"), adds.rsplit(maxsplit=1)[-1])
    assert " ".join(system.remove(place)) == removes


@pytest.mark.proves(system="Solaris 11, illumos", method="loopback", how="recorded")
def test_what_ipadm_is_not_to_keep_is_temporary() -> None:
    assert "-t" in SYSTEMS["SunOS"].add(VIP, lasts=False)


#: System, what was in the file, and what our part adds to it.
FILES = [
    (
        "FreeBSD",
        'hostname="rs1"\n',
        'ifconfig_lo0_aliases="${ifconfig_lo0_aliases} inet 192.0.2.100/32 inet6 2001:db8:2::100/128"\n',
    ),
    ("FreeBSD", "", 'ifconfig_lo0_aliases="${ifconfig_lo0_aliases} inet 192.0.2.100/32 inet6 2001:db8:2::100/128"\n'),
    (
        "OpenBSD",
        "inet 127.0.0.1/8\n",
        "inet alias 192.0.2.100 255.255.255.255\ninet6 alias 2001:db8:2::100 128\n",
    ),
]


@pytest.mark.proves(system=["FreeBSD", "OpenBSD"], method="loopback", how="recorded")
@pytest.mark.parametrize(("name", "text", "lines"), FILES)
def test_the_boot_file_keeps_what_is_not_ours(name: str, text: str, lines: str) -> None:
    system = SYSTEMS[name]
    written = system.boot_text(text, [VIP, VIP6])
    assert written == f"{text}{BEGIN}\n{lines}{END}\n"
    assert system.boot_vips(written) == (VIP, VIP6)
    assert system.boot_text(written, [VIP, VIP6]) == written
    assert system.boot_text(written, []) == text


@pytest.mark.proves(system=["FreeBSD", "OpenBSD"], method="loopback", how="recorded")
@pytest.mark.parametrize(("name", "text", "lines"), FILES)
def test_our_part_stays_where_it_is(name: str, text: str, lines: str) -> None:
    system = SYSTEMS[name]
    written = system.boot_text(text, [VIP, VIP6]) + "!later\r\n"
    assert system.boot_text(written, [VIP, VIP6]) == written
    assert system.boot_text(written, [VIP]).startswith(text + BEGIN)
    assert system.boot_text(written, []) == f"{text}!later\r\n"


@pytest.mark.proves(system="FreeBSD", method="loopback", how="recorded")
def test_our_part_moves_behind_a_line_that_would_undo_it() -> None:
    system = SYSTEMS["FreeBSD"]
    later = 'ifconfig_lo0_aliases="inet 10.9.9.9/32"\n'
    begun = Seen((), system.boot_text("", [VIP]) + later)
    planned = plan(Request((VIP,), persistent=True), begun, system)
    assert isinstance(planned.operations[0], Write)
    assert planned.operations[0].text.startswith(later + BEGIN)


@pytest.mark.proves(system="FreeBSD", method="loopback", how="recorded")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{BEGIN}\nifconfig_lo0_aliases=x\n", "does not have exactly one line"),
        (f"{BEGIN}\n{BEGIN}\nx\n{END}\n", "does not have exactly one line"),
        (f"{BEGIN}\ninet 192.0.2.1234/32\n{END}\n", "is not as it was written: '192.0.2.1234'"),
    ],
)
def test_a_part_that_somebody_broke_is_left_alone(text: str, message: str) -> None:
    with pytest.raises(HideError, match=message):
        plan(Request((VIP,), persistent=True), Seen((), text), SYSTEMS["FreeBSD"])


@pytest.mark.proves(system=["FreeBSD", "OpenBSD"], method="loopback", how="recorded")
def test_a_line_of_somebody_else_that_brings_the_vip_back_is_named() -> None:
    for name, line in (
        ("FreeBSD", 'ifconfig_lo0_alias0="inet 192.0.2.100/32"\n'),
        ("OpenBSD", "inet alias 192.0.2.100 255.255.255.255\n"),
    ):
        system = SYSTEMS[name]
        seen = Seen((), system.boot_text(line, [VIP, VIP6]))
        (warning,) = plan(Request((VIP, VIP6), present=False), seen, system).warnings
        assert warning.startswith(f"192.0.2.100 is also in a line of {system.boot_path} that arp_hide did not write")
        assert plan(Request((VIP,)), seen, system).warnings == ()
        assert plan(Request((VIP,), present=False), Seen((), "# " + line), system).warnings == ()


@pytest.mark.proves(system="FreeBSD", method="loopback", how="parsed")
def test_a_shell_reads_rc_conf_and_adds_to_what_is_said_before(tmp_path: Path) -> None:
    written = SYSTEMS["FreeBSD"].boot_text('ifconfig_lo0_aliases="inet 10.9.9.9/32"', [VIP])
    (tmp_path / "rc.conf").write_text(written)
    said = subprocess.run(
        ["sh", "-euc", '. "$1"; echo "$ifconfig_lo0_aliases"', "sh", tmp_path / "rc.conf"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said == "inet 10.9.9.9/32 inet 192.0.2.100/32\n"


@pytest.mark.proves(system="macOS", method="loopback", how="parsed")
def test_the_file_of_launchd_is_a_plist_with_every_command() -> None:
    written = SYSTEMS["Darwin"].boot_text("", [VIP, VIP6])
    read = plistlib.loads(written.encode())
    assert read["Label"] == "org.lvs-cluster.arp-hide"
    assert read["RunAtLoad"] is True
    assert read["ProgramArguments"] == [
        "/bin/sh",
        "-c",
        (
            "/sbin/ifconfig lo0 inet 192.0.2.100 netmask 255.255.255.255 alias; "
            "/sbin/ifconfig lo0 inet6 2001:db8:2::100 prefixlen 128 alias"
        ),
    ]
    assert SYSTEMS["Darwin"].boot_vips(written) == (VIP, VIP6)
    assert SYSTEMS["Darwin"].boot_text(written, []) == ""


def test_a_vip_on_another_interface_is_refused() -> None:
    seen = Seen((Place("em0", ipaddress.ip_interface("192.0.2.100/24")),))
    with pytest.raises(HideError, match=r"addresses: 192\.0\.2\.100 stands on em0"):
        plan(Request((VIP,)), seen, SYSTEMS["FreeBSD"])
    with pytest.raises(HideError, match="hidden on lo0 only, and not on lo1"):
        plan(Request((VIP,), interface="lo1"), Seen(()), SYSTEMS["FreeBSD"])


def test_lo_means_lo0() -> None:
    planned = [plan(Request((VIP,), interface=name), Seen(()), SYSTEMS["FreeBSD"]) for name in (None, "lo", "lo0")]
    assert planned[0] == planned[1] == planned[2]


@pytest.mark.proves(system=["FreeBSD", "OpenBSD", "macOS", "Solaris 11, illumos"], method="loopback", how="recorded")
@pytest.mark.parametrize("name", ["FreeBSD", "OpenBSD", "Darwin", "SunOS"])
def test_nothing_is_taken_from_another_interface(name: str) -> None:
    system = SYSTEMS[name]
    ours = system.add(VIP6, lasts=True)[-1]
    begun = applied(Seen(()), plan(Request((VIP6,), persistent=True), Seen(()), system).operations, name)
    moved = dataclasses.replace(
        begun, places=(*begun.places, Place("em0", ipaddress.ip_interface(f"{VIP6}/64"), "em0/v6", lasts=True))
    )
    steps = plan(Request((VIP,), persistent=True, exclusive=True), moved, system).operations
    taken = [" ".join(step.command) for step in steps if isinstance(step, Run) and " ".join(step.command) != ""]
    assert not [command for command in taken if "em0" in command]
    assert [command for command in taken if "delete" in command or "-alias" in command], ours


def test_a_vip_with_another_mask_is_replaced() -> None:
    seen = Seen((Place("lo0", ipaddress.ip_interface("192.0.2.100/24")),))
    assert [" ".join(step.command) for step in plan(Request((VIP,)), seen, SYSTEMS["OpenBSD"]).operations] == [
        "/sbin/ifconfig lo0 inet 192.0.2.100 delete",
        "/sbin/ifconfig lo0 inet alias 192.0.2.100 netmask 255.255.255.255",
    ]


def applied(seen: Seen, steps: tuple[Run | Write, ...], name: str) -> Seen:
    """The host after these steps, played by reading the command lines."""
    places, boot = list(seen.places), seen.boot
    for step in steps:
        if isinstance(step, Write):
            boot = step.text
            continue
        words = step.command
        vip = next((word.partition("/")[0] for word in words if word[0].isdigit()), "")
        if "delete-addr" in words:
            places = [place for place in places if place.name != words[-1]]
        elif words[-1] in ("-alias", "delete"):
            places = [place for place in places if str(place.address.ip) != vip]
        else:
            own = ipaddress.ip_interface(f"{vip}/{ipaddress.ip_address(vip).max_prefixlen}")
            is_named = name == "SunOS"
            places.append(Place("lo0", own, words[-1] if is_named else "", is_named and "-t" not in words))
    return dataclasses.replace(seen, places=tuple(places), boot=boot)


VIPS = st.lists(st.sampled_from([VIP, VIP6, ipaddress.ip_address("192.0.2.101")]), min_size=1, max_size=3, unique=True)
REQUESTS = st.builds(
    lambda vips, present, persistent, exclusive: Request(
        tuple(vips), None, present, persistent, exclusive and present and persistent
    ),
    VIPS,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@pytest.mark.proves(system=["FreeBSD", "OpenBSD", "macOS", "Solaris 11, illumos"], method="loopback", how="recorded")
@given(st.lists(REQUESTS, max_size=5), REQUESTS, st.sampled_from(sorted(SYSTEMS)))
def test_a_second_run_changes_nothing_and_nothing_is_left(earlier: list[Request], last: Request, name: str) -> None:
    system = SYSTEMS[name]
    begun = seen = Seen((Place("lo0", ipaddress.ip_interface("127.0.0.1/8"), "lo0/v4", lasts=True),))
    for request in (*earlier, last):
        seen = applied(seen, plan(request, seen, system).operations, name)
    assert plan(last, seen, system).operations == ()
    for vip in last.vips:
        assert bool(seen.places_of(vip)) == last.present
    every = Request((VIP, VIP6, ipaddress.ip_address("192.0.2.101")), present=False)
    assert applied(seen, plan(every, seen, system).operations, name) == begun


@pytest.mark.proves(system=["FreeBSD", "OpenBSD", "macOS", "Solaris 11, illumos"], method="loopback", how="recorded")
@given(REQUESTS, REQUESTS, st.sampled_from(sorted(SYSTEMS)))
def test_a_run_that_breaks_off_can_be_run_again(first: Request, last: Request, name: str) -> None:
    system = SYSTEMS[name]
    begun = applied(Seen(()), plan(first, Seen(()), system).operations, name)
    whole = plan(last, begun, system).operations
    wanted = applied(begun, whole, name)
    for length in range(len(whole)):
        cut = applied(begun, whole[:length], name)
        again = applied(cut, plan(last, cut, system).operations, name)
        assert (sorted(map(str, again.places)), again.boot) == (sorted(map(str, wanted.places)), wanted.boot)


class Module:
    """A module on a host whose look prints this; it writes down what it is asked to run."""

    def __init__(self, prints: str, tmpdir: Path, *, check: bool = False, status: int = 0) -> None:
        self.prints, self.tmpdir, self.check_mode, self.status = prints, str(tmpdir), check, status
        self.ran: list[str] = []
        self.sysctls = ""

    def run_command(self, words: list[str]) -> tuple[int, str, str]:
        if words[0].endswith("/sysctl"):
            return 1, self.sysctls, "sysctl: unknown oid 'net.inet.ip.check_interface'\n"
        if words[-1] == "-a":
            return 0, self.prints, ""
        assert "-a" not in words
        self.ran.append(" ".join(words))
        return self.status, "", "ifconfig: ioctl (SIOCAIFADDR): permission denied\n"

    def atomic_move(self, source: str, target: str) -> None:
        """As Ansible does: a file that is there keeps its mode, a new one gets that of the umask."""
        mode = Path(target).stat().st_mode if Path(target).exists() else 0o600
        Path(source).replace(target)
        Path(target).chmod(mode)


@pytest.fixture
def bsd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    system = System()
    (tmp_path / "ifconfig").touch(mode=0o755)
    monkeypatch.setattr(system, "look", (str(tmp_path / "ifconfig"), "-a"))
    (tmp_path / "sysctl").touch(mode=0o755)
    monkeypatch.setattr(system, "sysctl_program", str(tmp_path / "sysctl"))
    monkeypatch.setattr(system, "boot_path", str(tmp_path / "rc.conf"))
    return system


def test_the_file_comes_first_and_a_second_run_does_nothing(bsd: System, tmp_path: Path) -> None:
    module, request = Module(FREEBSD, tmp_path), Request((VIP6,), persistent=True)
    done: list[Run | Write] = []
    planned = hide(module, request, bsd, done)
    assert [type(step) for step in done] == [Write, Run]
    assert module.ran == ["/sbin/ifconfig lo0 inet6 2001:db8:2::100 prefixlen 128 alias"]
    assert planned.operations == tuple(done)
    assert planned.before == {"lo0": [], "at boot": [], "files": {}}
    part = f'{BEGIN}\nifconfig_lo0_aliases="${{ifconfig_lo0_aliases}} inet6 2001:db8:2::100/128"\n{END}\n'
    assert planned.after == {"lo0": [str(VIP6)], "at boot": [str(VIP6)], "files": {bsd.boot_path: part}}
    assert "inet6 2001:db8:2::100/128" in Path(bsd.boot_path).read_text()
    assert Path(bsd.boot_path).stat().st_mode & 0o777 == 0o644
    after = FREEBSD.replace("\tgroups: lo\n", "\tinet6 2001:db8:2::100 prefixlen 128\n\tgroups: lo\n")
    assert hide(Module(after, tmp_path), request, bsd, []).operations == ()


def test_bytes_links_and_modes_of_others_stay(bsd: System, tmp_path: Path) -> None:
    others = b'hostname="r\xe9al"\r\n# \x0c\n'
    real = tmp_path / "elsewhere"
    real.write_bytes(others)
    real.chmod(0o640)
    Path(bsd.boot_path).symlink_to(real)
    hide(Module(FREEBSD, tmp_path), Request((VIP6,), persistent=True), bsd, [])
    assert Path(bsd.boot_path).is_symlink()
    assert real.read_bytes().startswith(others + BEGIN.encode())
    assert real.stat().st_mode & 0o777 == 0o640
    hide(Module(FREEBSD, tmp_path), Request((VIP6,), present=False), bsd, [])
    assert real.read_bytes() == others


STRONG = "net.inet.ip.rfc1122_strong_es"
CHECK = "net.inet.ip.check_interface"
FORWARD, FORWARD6 = "net.inet.ip.forwarding", "net.inet6.ip6.forwarding"
TO_LO0 = "on another interface than lo0, because"
#: System, its sysctls, and of the VIPs of both families the warnings.
REFUSALS: list[tuple[str, dict[str, int], list[str]]] = [
    (
        "OpenBSD",
        {FORWARD: 0, FORWARD6: 0},
        [
            (
                f"This host throws away what arrives for {vip} {TO_LO0} {name} is 0. Set it to 1, also in "
                "/etc/sysctl.conf, and let pf keep this host from forwarding what is for others."
            )
            for vip, name in ((VIP, FORWARD), (VIP6, FORWARD6))
        ],
    ),
    ("OpenBSD", {FORWARD: 1, FORWARD6: 1}, []),
    ("OpenBSD", {}, []),
    (
        "Darwin",
        {FORWARD: 0, CHECK: 2},
        [f"This host throws away what arrives for {VIP} {TO_LO0} {CHECK} is 2. Set it to 1, the system's default."],
    ),
    ("Darwin", {FORWARD: 0, CHECK: 1}, []),
    ("Darwin", {FORWARD: 1, CHECK: 2}, []),
    (
        "FreeBSD",
        {FORWARD: 0, STRONG: 1},
        [
            (
                f"This host throws away what arrives for {VIP} {TO_LO0} {STRONG} is 1. Set it to 0, also in "
                "/etc/sysctl.conf."
            )
        ],
    ),
    ("FreeBSD", {FORWARD: 0, STRONG: 0}, []),
    ("FreeBSD", {FORWARD: 1, CHECK: 1}, []),
    ("SunOS", {}, []),
]


@pytest.mark.proves(system=["FreeBSD", "OpenBSD", "macOS"], method="loopback", how="recorded")
@pytest.mark.parametrize(("name", "sysctls", "warnings"), REFUSALS)
def test_a_host_that_throws_away_what_arrives_for_lo0_is_warned_of(
    name: str, sysctls: dict[str, int], warnings: list[str]
) -> None:
    assert list(plan(Request((VIP, VIP6)), Seen((), "", sysctls), SYSTEMS[name]).warnings) == warnings
    assert plan(Request((VIP, VIP6), present=False), Seen((), "", sysctls), SYSTEMS[name]).warnings == ()


@pytest.mark.parametrize("sign", [": ", "="])
def test_sysctls_that_a_release_has_not_are_left_out(bsd: System, tmp_path: Path, sign: str) -> None:
    module = Module(FREEBSD, tmp_path)
    module.sysctls = f"{FORWARD}{sign}0\n{STRONG}{sign}1\n"
    assert observe(module, bsd).sysctls == {FORWARD: 0, STRONG: 1}


def test_a_file_that_cannot_be_written_is_named(bsd: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bsd, "boot_path", "/proc/none/rc.conf")
    module = Module(FREEBSD, tmp_path)
    with pytest.raises(HideError, match=r"/proc/none/rc\.conf cannot be changed: .*No such file"):
        hide(module, Request((VIP6,), persistent=True), bsd, [])
    assert module.ran == []


def test_a_system_without_its_program_is_told_so(tmp_path: Path) -> None:
    # Solaris 10 has no ipadm.
    with pytest.raises(HideError, match="This host has no program /usr/sbin/ipadm"):
        hide(Module("", tmp_path), Request((VIP,)), SYSTEMS["SunOS"], [])


def test_check_mode_and_failures_change_nothing_more(
    bsd: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, request = Module(FREEBSD, tmp_path, check=True), Request((VIP6,), persistent=True)
    assert len(hide(module, request, bsd, []).operations) == 2
    assert (module.ran, Path(bsd.boot_path).exists()) == ([], False)
    done: list[Run | Write] = []
    with pytest.raises(HideError, match=r"alias` failed: ifconfig: ioctl \(SIOCAIFADDR\): permission denied\."):
        hide(Module(FREEBSD, tmp_path, status=1), request, bsd, done)
    assert [type(step) for step in done] == [Write]
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(HideError, match="Only root"):
        hide(Module(FREEBSD, tmp_path), Request((VIP6,)), bsd, [])


@pytest.mark.parametrize(
    ("asked", "system", "method"),
    [
        ("auto", "Linux", "auto"),
        ("arp_ignore", "Linux", "arp_ignore"),
        ("auto", "OpenBSD", "loopback"),
        ("loopback", "SunOS", "loopback"),
    ],
)
def test_each_system_has_its_method(asked: str, system: str, method: str) -> None:
    assert method_of(asked, system) == method


@pytest.mark.parametrize(("asked", "system"), [("loopback", "Linux"), ("arp_ignore", "Darwin"), ("auto", "AIX")])
def test_a_method_that_a_system_has_not_is_refused(asked: str, system: str) -> None:
    with pytest.raises(HideError, match=system):
        method_of(asked, system)
