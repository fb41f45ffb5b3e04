# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The method ``loopback``: systems on which a VIP on ``lo0`` is hidden by where it stands.

They answer ARP and neighbour discovery only for addresses of the interface on which the question arrives. So the
address on ``lo0``, now and at boot, is all. Nothing here touches a host: a system knows its command lines, how to read
what its programs print, and what belongs into the file that it reads at boot.

Some of them can be told to throw away what arrives on one interface for the address of another one, and OpenBSD does so
unless it forwards. That is a decision about the whole host, so it is only said.

Sources: ifconfig(8), rc.conf(5), network.subr and ip_input.c of FreeBSD; ifconfig(8), hostname.if(5), netstart(8),
ip_input.c and ip6_input.c of OpenBSD; ifconfig(8), launchd.plist(5) and ip_input.c of macOS; ipadm(8) of illumos and
Oracle Solaris 11.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import zlib
from typing import Any, Mapping, Sequence, Union

from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import Request
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress, IPInterface

LOOPBACK = "lo0"
BEGIN, END = "# BEGIN lvs.cluster arp_hide", "# END lvs.cluster arp_hide"
FORWARDING = {4: "net.inet.ip.forwarding", 6: "net.inet6.ip6.forwarding"}
LABEL = "org.lvs-cluster.arp-hide"
PLIST = f"/Library/LaunchDaemons/{LABEL}.plist"

_OUR_NAME = re.compile(rf"\A{LOOPBACK}/lvs_[0-9a-f]{{8}}\Z")


@dataclasses.dataclass(frozen=True)
class Run:
    """A command line of the system."""

    command: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Write:
    """Replaces a file, or with no text removes it."""

    path: str
    text: str

    @property
    def command(self) -> tuple[str, ...]:
        return ("cp", "/dev/stdin", self.path) if self.text else ("rm", self.path)


Step = Union[Run, Write]


@dataclasses.dataclass(frozen=True)
class Place:
    """An address on an interface. ``name``: that of the address object, where the system has such."""

    interface: str
    address: IPInterface
    name: str = ""
    lasts: bool = False


@dataclasses.dataclass(frozen=True)
class Seen:
    """A host as it is: where addresses are, the text of the file that its system reads at boot, and sysctls."""

    places: tuple[Place, ...]
    boot: str = ""
    sysctls: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def everywhere(self, vip: IPAddress) -> tuple[Place, ...]:
        return tuple(place for place in self.places if place.address.ip == vip)

    def places_of(self, vip: IPAddress) -> tuple[Place, ...]:
        """Where it stands on ``lo0``: nothing is ever taken from another interface."""
        return tuple(place for place in self.everywhere(vip) if place.interface == LOOPBACK)


@dataclasses.dataclass(frozen=True)
class LoopbackPlan:
    """What is to be done, and what it is about, as it is and as it will be."""

    operations: tuple[Step, ...]
    before: dict[str, Any]
    after: dict[str, Any]
    warnings: tuple[str, ...] = ()


class System:
    """FreeBSD, and what the others have in common with it."""

    name = "FreeBSD"
    look: tuple[str, ...] = ("/sbin/ifconfig", "-a")
    boot_path = "/etc/rc.conf"  # empty where the system's own program keeps addresses
    boot_mode = 0o644  # of a new file; one that is there keeps its own
    sysctl_program = "/sbin/sysctl"
    #: Those that ``refusal`` goes by. A release need not have all of them.
    sysctls: tuple[str, ...] = (FORWARDING[4], "net.inet.ip.rfc1122_strong_es", "net.inet.ip.check_interface")

    def refusal(self, version: int, sysctls: Mapping[str, int]) -> str:
        """Why what arrives for an address of ``lo0`` is thrown away, with the remedy; nothing where it is taken."""
        strict = [name for name in self.sysctls[1:] if sysctls.get(name)]
        if version == 6 or not strict or sysctls.get(FORWARDING[4]):
            return ""
        return f"{strict[0]} is {sysctls[strict[0]]}. Set it to 0, also in /etc/sysctl.conf."

    def places(self, output: str) -> tuple[Place, ...]:
        """Addresses in what ``look`` prints. Raises HideError."""
        return tuple(_ifconfig(output))

    def add(self, vip: IPAddress, *, lasts: bool) -> tuple[str, ...]:  # noqa: ARG002 - for who keeps it by itself
        return ("/sbin/ifconfig", LOOPBACK, _family(vip), str(vip), *_mask(vip), "alias")

    def remove(self, place: Place) -> tuple[str, ...]:
        return ("/sbin/ifconfig", place.interface, _family(place.address.ip), str(place.address.ip), "-alias")

    def boot_vips(self, text: str) -> tuple[IPAddress, ...]:
        """The VIPs that our part of the boot file brings back. Raises HideError."""
        return self._parsed(re.findall(r"inet6?(?: alias)? ([0-9A-Fa-f.:]+)", self.boot_part(text)))

    def boot_part(self, text: str) -> str:
        """Our part of the boot file. Raises HideError."""
        return "".join(self._parts(text)[1])

    def boot_text(self, text: str, vips: Sequence[IPAddress]) -> str:
        """The boot file with these VIPs in our part of it; everything else stays as it is. Raises HideError."""
        before, ours, after = self._parts(text)
        lines = self._boot_lines(vips)
        block = [f"{line}\n" for line in (BEGIN, *lines, END)] if lines else []
        if not ours or any(self._undoes(line) for line in after):
            before, after = [*before, *after], []
        if block and before and not before[-1].endswith("\n"):
            before[-1] += "\n"
        return "".join([*before, *block, *after])

    def boot_others(self, text: str) -> tuple[IPAddress, ...]:
        """The addresses that the boot file names outside of our part. Raises HideError."""
        before, _ours, after = self._parts(text)
        said = [line.partition("#")[0] for line in (*before, *after)]
        words = [word for line in said for word in re.findall(r"[0-9A-Fa-f.:]+", line)]
        return _in_order(vip for word in words for vip in _address(word))

    def _boot_lines(self, vips: Sequence[IPAddress]) -> list[str]:
        # It adds to what is said before. The variables ifconfig_lo0_alias0, 1, … belong to others, and may have no gap.
        words = " ".join(f"{_family(vip)} {vip}/{vip.max_prefixlen}" for vip in vips)
        return [f'ifconfig_{LOOPBACK}_aliases="${{ifconfig_{LOOPBACK}_aliases}} {words}"'] if vips else []

    def _undoes(self, line: str) -> bool:
        """Whether this line would undo our part if it came after it."""
        return line.lstrip().startswith(f"ifconfig_{LOOPBACK}_aliases=")

    def _parts(self, text: str) -> tuple[list[str], list[str], list[str]]:
        """The lines before our part, of it with its first and last, and after it. Raises HideError."""
        lines = text.splitlines(keepends=True)
        bare = [line.rstrip("\r\n") for line in lines]
        if BEGIN not in bare:
            return lines, [], []
        begin = bare.index(BEGIN)
        end = bare.index(END, begin) if END in bare[begin:] else 0
        if not end or bare.count(BEGIN) > 1:
            # Where our part ends is a guess then, and the rest is not ours.
            raise HideError(
                f"{self.boot_path} does not have exactly one line {END!r} after one line {BEGIN!r}. Put them around "
                "the lines that arp_hide wrote there, or remove all of these, and run this again."
            )
        return lines[:begin], lines[begin : end + 1], lines[end + 1 :]

    def _parsed(self, words: Sequence[str]) -> tuple[IPAddress, ...]:
        try:
            return _in_order(ipaddress.ip_address(word) for word in words)
        except ValueError as error:
            raise HideError(
                f"The part of arp_hide in {self.boot_path} is not as it was written: {error}. Remove it and run this "
                "again."
            ) from error


class OpenBSD(System):
    name = "OpenBSD"
    look = ("/sbin/ifconfig", "-A")  # with -a it leaves all IPv4 addresses of an interface out but the first
    boot_path = f"/etc/hostname.{LOOPBACK}"
    boot_mode = 0o640
    sysctls = (FORWARDING[4], FORWARDING[6])

    def refusal(self, version: int, sysctls: Mapping[str, int]) -> str:
        name = FORWARDING[version]
        if sysctls.get(name) != 0:
            return ""
        return (
            f"{name} is 0. Set it to 1, also in /etc/sysctl.conf, and let pf keep this host from forwarding what is "
            "for others."
        )

    def add(self, vip: IPAddress, *, lasts: bool) -> tuple[str, ...]:  # noqa: ARG002
        return ("/sbin/ifconfig", LOOPBACK, _family(vip), "alias", str(vip), *_mask(vip))

    def remove(self, place: Place) -> tuple[str, ...]:
        return ("/sbin/ifconfig", place.interface, _family(place.address.ip), str(place.address.ip), "delete")

    def _boot_lines(self, vips: Sequence[IPAddress]) -> list[str]:
        return [f"{_family(vip)} alias {vip} {_mask(vip)[1]}" for vip in vips]

    def _undoes(self, line: str) -> bool:  # noqa: ARG002 - each line is a command of its own
        return False


class MacOS(System):
    """The boot file is our own: launchd runs it once, when it starts."""

    name = "Darwin"
    boot_path = PLIST
    sysctl_program = "/usr/sbin/sysctl"
    sysctls = (FORWARDING[4], "net.inet.ip.check_interface")

    def refusal(self, version: int, sysctls: Mapping[str, int]) -> str:
        # 1, the default, is about VPNs only.
        name = self.sysctls[1]
        if version == 6 or sysctls.get(name) != 2 or sysctls.get(FORWARDING[4]):
            return ""
        return f"{name} is 2. Set it to 1, the system's default."

    def boot_vips(self, text: str) -> tuple[IPAddress, ...]:
        return self._parsed(re.findall(r"lo0 inet6? ([0-9A-Fa-f.:]+)", text))

    def boot_part(self, text: str) -> str:
        return text

    def boot_text(self, text: str, vips: Sequence[IPAddress]) -> str:  # noqa: ARG002
        if not vips:
            return ""
        commands = "; ".join(" ".join(self.add(vip, lasts=True)) for vip in vips)
        return _PLIST.format(label=LABEL, commands=commands)

    def boot_others(self, text: str) -> tuple[IPAddress, ...]:  # noqa: ARG002
        return ()


class Solaris(System):
    """Oracle Solaris 11 and illumos: ``ipadm`` keeps an address over a reboot unless it is told not to."""

    name = "SunOS"
    look = ("/usr/sbin/ipadm", "show-addr", "-p", "-o", "addrobj,type,persistent,addr")
    boot_path = ""
    sysctls = ()

    def places(self, output: str) -> tuple[Place, ...]:
        found = []
        for line in output.splitlines():
            fields = [part.replace("\\:", ":") for part in re.split(r"(?<!\\):", line.strip())]
            if len(fields) != 4:
                raise HideError(
                    f"ipadm show-addr printed {line!r}, which is not understood. Report it with `uname -a`."
                )
            name, _kind, lasts, address = fields
            # An address that DHCP has yet to give is `?`, and that of a tunnel has two ends.
            text = re.sub(r"%[^/]*", "", address)
            if re.match(r"\A[0-9A-Fa-f.:]+/\d+\Z", text):
                found.append(Place(name.partition("/")[0], ipaddress.ip_interface(text), name, "U" in lasts))
        return tuple(found)

    def add(self, vip: IPAddress, *, lasts: bool) -> tuple[str, ...]:
        # An address object needs a name of letters, digits and underscores. Ours is known again by its form.
        name = f"{LOOPBACK}/lvs_{zlib.crc32(vip.packed):08x}"
        address = f"{vip}/{vip.max_prefixlen}"
        return ("/usr/sbin/ipadm", "create-addr", *(() if lasts else ("-t",)), "-T", "static", "-a", address, name)

    def remove(self, place: Place) -> tuple[str, ...]:
        vip = place.address.ip
        if place.name.endswith("/?"):  # set by ifconfig, so ipadm has no name for it
            return ("/usr/sbin/ifconfig", place.interface, _family(vip), "removeif", str(vip))
        return ("/usr/sbin/ipadm", "delete-addr", place.name)


SYSTEMS: Mapping[str, System] = {one.name: one for one in (System(), OpenBSD(), MacOS(), Solaris())}


def plan(request: Request, seen: Seen, system: System) -> LoopbackPlan:
    """The steps that bring the host to what is asked for; none when it is there. Raises HideError.

    What comes is noted for the next boot before it is set, and what goes is forgotten last: a run that breaks off can
    be run again.
    """
    _check(request, seen)
    noted = _noted(seen, system)
    going = _going(request, noted)
    coming = request.vips if request.present else ()
    lasting = _in_order({*noted, *(coming if request.persistent else ())} - {*going})
    steps: list[Step] = []
    between = _in_order({*lasting, *noted})
    boot = seen.boot
    if system.boot_path and (request.persistent or between != noted):
        boot = system.boot_text(boot, between)
        if boot != seen.boot:
            steps.append(Write(system.boot_path, boot))
    for vip in coming:
        steps += _placed(vip, seen, system, lasts=vip in lasting)
    for vip in going:
        steps += [Run(system.remove(place)) for place in seen.places_of(vip)]
    if system.boot_path and lasting != between:
        boot = system.boot_text(boot, lasting)
        steps.append(Write(system.boot_path, boot))
    touched = _in_order({*coming, *going})
    return LoopbackPlan(
        operations=tuple(steps),
        before=_shown(
            system, seen.boot, [vip for vip in touched if seen.places_of(vip)], [vip for vip in touched if vip in noted]
        ),
        after=_shown(
            system, boot, [vip for vip in touched if vip not in going], [vip for vip in touched if vip in lasting]
        ),
        warnings=(*_warnings(going, seen, system), *_refusals(coming, seen, system)),
    )


def _check(request: Request, seen: Seen) -> None:
    # lo is what Linux calls it, and what a description for many hosts says.
    if request.interface not in (None, "lo", LOOPBACK):
        raise HideError(
            f"interface: on this system a VIP is hidden on {LOOPBACK} only, and not on {request.interface}. Leave it "
            "out."
        )
    for vip in request.vips:
        for place in seen.everywhere(vip):
            if place.interface != LOOPBACK:
                raise HideError(
                    f"addresses: {vip} stands on {place.interface}, where it may be this host's own address or a "
                    f"director's VIP. If it is left over, remove it from {place.interface} (also where it is written "
                    "down for the next boot); else take it out of addresses."
                )


def _noted(seen: Seen, system: System) -> tuple[IPAddress, ...]:
    if system.boot_path:
        return system.boot_vips(seen.boot)
    return _in_order(place.address.ip for place in seen.places if _OUR_NAME.match(place.name) and place.lasts)


def _going(request: Request, noted: Sequence[IPAddress]) -> tuple[IPAddress, ...]:
    if not request.present:
        return request.vips
    return tuple(vip for vip in noted if vip not in request.vips) if request.exclusive else ()


def _placed(vip: IPAddress, seen: Seen, system: System, *, lasts: bool) -> list[Step]:
    """Sets the address with its own mask, unless it stands there so; with another mask it is taken away before."""
    right = [
        place
        for place in seen.places_of(vip)
        if place.address.network.prefixlen == vip.max_prefixlen and (place.lasts or not lasts or system.boot_path)
    ]
    if right:
        return []
    return [*(Run(system.remove(place)) for place in seen.places_of(vip)), Run(system.add(vip, lasts=lasts))]


def _warnings(going: Sequence[IPAddress], seen: Seen, system: System) -> list[str]:
    others = system.boot_others(seen.boot) if system.boot_path else ()
    return [
        f"{vip} is also in a line of {system.boot_path} that arp_hide did not write, and may come back at the next "
        "boot. Take it out of there too."
        for vip in going
        if vip in others
    ]


def _refusals(coming: Sequence[IPAddress], seen: Seen, system: System) -> list[str]:
    found = []
    for version in (4, 6):
        named = ", ".join(str(vip) for vip in coming if vip.version == version)
        refusal = system.refusal(version, seen.sysctls)
        if named and refusal:
            found.append(
                f"This host throws away what arrives for {named} on another interface than {LOOPBACK}, because "
                f"{refusal}"
            )
    return found


def _shown(system: System, boot: str, present: Sequence[IPAddress], lasting: Sequence[IPAddress]) -> dict[str, Any]:
    return {
        LOOPBACK: [str(vip) for vip in present],
        "at boot": [str(vip) for vip in lasting],
        "files": {system.boot_path: system.boot_part(boot)} if system.boot_path and system.boot_part(boot) else {},
    }


def _in_order(vips: Any) -> tuple[IPAddress, ...]:
    return tuple(sorted(set(vips), key=lambda vip: (vip.version, int(vip))))


def _address(word: str) -> tuple[IPAddress, ...]:
    """The address that this word is, if it is one."""
    try:
        return (ipaddress.ip_address(word),)
    except ValueError:
        return ()


def _family(vip: IPAddress) -> str:
    return "inet" if vip.version == 4 else "inet6"


def _mask(vip: IPAddress) -> tuple[str, str]:
    return ("netmask", "255.255.255.255") if vip.version == 4 else ("prefixlen", "128")


def _ifconfig(output: str) -> list[Place]:
    """Addresses in what ``ifconfig -a`` of a BSD or of macOS prints."""
    found, interface = [], ""
    for line in output.splitlines():
        begun = re.match(r"(\S+): flags=", line)
        if begun:
            interface = begun.group(1)
        words = line.split()
        if interface and words[:1] in (["inet"], ["inet6"]):
            text = words[1].partition("%")[0]
            length = _length(words[2:])
            found.append(Place(interface, ipaddress.ip_interface(f"{text}/{length}" if length is not None else text)))
    return found


def _length(words: Sequence[str]) -> int | None:
    given = dict(zip(words, words[1:]))
    if "prefixlen" in given:
        return int(given["prefixlen"])
    if "netmask" in given:
        mask = given["netmask"]
        bits = int(mask, 16) if mask.startswith("0x") else int(ipaddress.IPv4Address(mask))
        return bin(bits).count("1")
    return None


_PLIST = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by the Ansible module lvs.cluster.arp_hide, which overwrites what is changed here by hand. -->
<plist version="1.0">
<dict>
    <key>Label</key>
    <string>{label}</string>
    <key>ProgramArguments</key>
    <array>
        <string>/bin/sh</string>
        <string>-c</string>
        <string>{commands}</string>
    </array>
    <key>RunAtLoad</key>
    <true/>
</dict>
</plist>
"""
