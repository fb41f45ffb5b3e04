# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What directors drop for the moment in which the VIPs move, by packets; systemd is played here."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from kernel_tools import Tool

TASKS = Path(__file__).parents[2] / "playbooks/tasks"
VIPS = ("192.0.2.100", "2001:db8::100")
OTHERS = ("192.0.2.9", "2001:db8::9")
OPEN, CLOSED = 80, 81
#: Programs that stand before the real ones; `nft` fails as it does where the kernel has no nf_tables.
PLAYED = {
    "systemctl": "#!/bin/sh\n",
    "systemd-run": '#!/bin/sh\nprintf "%s\\n" "$@" | sed -n "s/^--property=ExecStopPost=//p" >"$STOPS"\n',
    "nft": "#!/bin/sh\n[ $1 = list ] || exit 1\n",
}


@pytest.fixture
def host(tool: Tool) -> Iterator[None]:
    """A host with the VIPs, others beside them, and a service on each."""
    tool("ip", "link", "set", "lo", "up")
    listeners = []
    for address in (*VIPS, *OTHERS):
        tool("ip", "address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else []))
        listeners.append(socket.create_server((address, OPEN), family=family(address)))
    yield
    for listener in listeners:
        listener.close()


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connected(address: str, port: int, seconds: float = 10) -> str:
    """How a connection ends: `open`, `reset`, or `silence` for so many seconds.

    What is to be heard is waited for, however busy the machine is; silence need not be listened to for long.
    """
    with socket.socket(family(address)) as one:
        one.settimeout(seconds)
        try:
            one.connect((address, port))
        except ConnectionRefusedError:
            return "reset"
        except TimeoutError:
            return "silence"
        return "open"


def drop(place: Path, *, played: tuple[str, ...], vips: tuple[str, ...] = VIPS, **variables: object) -> list[str]:
    """Runs the script of handover_drop.yml; the command by which systemd takes the rule away."""
    (task,) = yaml.safe_load((TASKS / "handover_drop.yml").read_text(encoding="utf-8"))
    text = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(task["ansible.builtin.command"]["argv"][2])
    for name in played:
        (place / name).write_text(PLAYED[name], encoding="ascii")
        (place / name).chmod(0o755)
    environment = {"PATH": f"{place}:{os.environ['PATH']}", "STOPS": str(place / "stops")}
    words = [",".join(vip for vip in vips if (":" in vip) == is_six) for is_six in (False, True)]
    subprocess.run(["sh", "-c", text.render(variables), "sh", *words], env=environment, check=True)
    return shlex.split((place / "stops").read_text().removeprefix("-"))


RESETS: dict[str, Any] = {"lvs_chain": "OUTPUT", "lvs_mask": "RST", "lvs_flags": "RST", "lvs_most": 34}
OPENINGS: dict[str, Any] = {"lvs_chain": "INPUT", "lvs_mask": "SYN,ACK", "lvs_flags": "SYN", "lvs_most": 3}
TOOLS = pytest.mark.parametrize(
    "played", [("systemctl", "systemd-run"), ("systemctl", "systemd-run", "nft")], ids=["nft", "iptables"]
)


@TOOLS
@pytest.mark.parametrize("vips", [VIPS, VIPS[:1], VIPS[1:]], ids=["both", "ipv4", "ipv6"])
def test_the_new_director_resets_nobody_at_its_vips(
    host: None, tmp_path: Path, played: tuple[str, ...], vips: tuple[str, ...]
) -> None:
    undo = drop(tmp_path, played=played, vips=vips, **RESETS)
    assert {connected(vip, CLOSED, 0.3) for vip in vips} == {"silence"}
    assert {connected(vip, OPEN) for vip in vips} == {"open"}
    assert {connected(address, CLOSED) for address in {*VIPS, *OTHERS} - {*vips}} == {"reset"}
    subprocess.run(undo, check=False)
    assert {connected(vip, CLOSED) for vip in vips} == {"reset"}


@TOOLS
def test_the_old_director_lets_none_begin_and_what_is_open_goes_on(
    host: None, tmp_path: Path, played: tuple[str, ...]
) -> None:
    with socket.create_connection((VIPS[0], OPEN)) as one:
        undo = drop(tmp_path, played=played, lvs_after=f"echo moved >{tmp_path}/yield", **OPENINGS)
        assert (tmp_path / "yield").read_text() == "moved\n"
        assert {connected(vip, OPEN, 0.3) for vip in VIPS} == {"silence"}
        assert {connected(address, OPEN) for address in OTHERS} == {"open"}
        one.settimeout(5)
        one.sendall(b"x")
        one.shutdown(socket.SHUT_WR)
    subprocess.run(undo, check=False)
    assert {connected(vip, OPEN) for vip in VIPS} == {"open"}


@TOOLS
def test_nothing_is_left_of_it(host: None, tool: Tool, tmp_path: Path, played: tuple[str, ...]) -> None:
    for variables in (RESETS, OPENINGS):
        subprocess.run(drop(tmp_path, played=played, **variables), check=False)
    left = "".join(tool(program) for program in ("iptables-save", "ip6tables-save"))
    assert [line for line in left.splitlines() if line.startswith("-A")] == []
    assert "lvs_cluster_handover" not in tool("nft", "list", "ruleset")


def test_without_both_programs_the_move_goes_on(host: None, tmp_path: Path) -> None:
    for name in ("iptables", "ip6tables"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
        (tmp_path / name).chmod(0o755)
    drop(tmp_path, played=("systemctl", "systemd-run", "nft"), lvs_after=f"echo moved >{tmp_path}/yield", **OPENINGS)
    assert (tmp_path / "yield").read_text() == "moved\n"
    assert {connected(vip, OPEN) for vip in VIPS} == {"open"}
