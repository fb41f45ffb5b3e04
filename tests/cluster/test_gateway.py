# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default gateway on machines whose networks are configured by different programs: a lab of its own (gateway).

Set it, reboot, give it back, reboot; and a gateway that cuts the controller off is taken back by the machine itself.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from drive import LAB, NAMESPACE, Run, await_that, playbook

HERE = Path(__file__).parent
NAME = os.environ.get("LVS_GATEWAY_LAB") or f"{NAMESPACE}-gw"
SSH_CONFIG = Path("/run/lvs-labs") / NAME / "ssh_config"
MACHINES = ("ifupdown", "networkd", "netplan", "nm", "unit")
OLD, NEW = ("192.0.2.1", "2001:db8:2::1"), ("192.0.2.2", "2001:db8:2::2")
KEEPS = {
    "ifupdown": "/etc/network/if-up.d/zz-lvs-cluster-gateway",
    "networkd": "/etc/systemd/network/00-lvs-cluster-eth0.network",
    "netplan": "/etc/systemd/network/10-netplan-eth0.network",
    "unit": "/etc/systemd/system/lvs-cluster-gateway.service",
}


def lab(*words: str) -> str:
    done = subprocess.run(
        [LAB, *words], env={**os.environ, "LVS_LAB_NAME": NAME}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"lab {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def ssh(machine: str, command: str, *, check: bool = True) -> str:
    """Output of a shell command on a machine, by the lab's way in, which no gateway can cut."""
    words = ["ssh", "-F", str(SSH_CONFIG), "-o", "ConnectTimeout=5", machine, command]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{machine}: {command}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


@pytest.fixture(scope="session", autouse=True)
def cluster() -> Iterator[None]:
    """No cluster, but machines that are to become real servers. A lab that is up already is left up."""
    if SSH_CONFIG.exists():
        yield
        return
    lab("up", "gateway", "--owner", str(os.getpid()))
    yield
    lab("down")


def role(monkeypatch: pytest.MonkeyPatch, *words: str, ssh_words: str = "", **variables: object) -> Run:
    monkeypatch.setattr("drive.SSH_CONFIG", f"{SSH_CONFIG} {ssh_words}".strip())
    given = {f"realserver_linux_{name}": value for name, value in variables.items()}
    return playbook(str(HERE / "gateway_role.yml"), *words, inventory=HERE / "gateway.yml", variables=given)


def gateways(machine: str) -> tuple[str, str]:
    """Where packets to elsewhere go, in both families, as the kernel says."""
    found = [
        ssh(machine, f"ip -o route get {to}").split(" via ")[1].split()[0] for to in ("203.0.113.31", "2001:db8:3::31")
    ]
    return found[0], found[1]


def await_gateways(machine: str, wanted: tuple[str, str]) -> None:
    await_that(lambda: gateways(machine) == wanted, f"{machine} sends over {' and '.join(wanted)}", seconds=180)


def described(machine: str) -> str:
    """Everything that describes the network of a machine, and what we might have left there."""
    folders = "/etc/network /etc/systemd/network /etc/netplan /etc/NetworkManager/system-connections /etc/lvs-cluster"
    files = f"find {folders} /etc/systemd/system -type f -exec sha256sum {{}} + 2>/dev/null | sort"
    return ssh(machine, f"{files}; ls /etc/systemd/system/*.wants")


def test_it_is_set_and_stays_over_a_reboot_and_the_old_one_is_given_back_and_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for machine in MACHINES:
        await_gateways(machine, OLD)
    before = {machine: described(machine) for machine in MACHINES}
    run = role(monkeypatch, gateways=NEW)
    assert run.code == 0, run.output
    assert {name: numbers["changed"] for name, numbers in run.recap.items()} == dict.fromkeys(MACHINES, 1)
    for machine in MACHINES:
        assert gateways(machine) == NEW
        assert "600" in ssh(machine, "stat -c %a /etc/lvs-cluster/default-gateway.json")
    for machine, path in KEEPS.items():
        assert ssh(machine, f"ls {path}").strip() == path
    again = role(monkeypatch, gateways=NEW)
    assert (again.code, again.changed) == (0, 0), again.output

    for machine in MACHINES:
        lab("reboot", machine)
    for machine in MACHINES:
        await_gateways(machine, NEW)
    again = role(monkeypatch, gateways=NEW)
    assert (again.code, again.changed) == (0, 0), again.output

    run = role(monkeypatch, gateways=[])
    assert run.code == 0, run.output
    for machine in MACHINES:
        assert gateways(machine) == OLD
        if machine != "nm":  # NetworkManager writes its file anew, in another order
            assert described(machine) == before[machine]
    again = role(monkeypatch, gateways=[])
    assert (again.code, again.changed) == (0, 0), again.output

    for machine in MACHINES:
        lab("reboot", machine)
    for machine in MACHINES:
        await_gateways(machine, OLD)


def test_a_gateway_that_cuts_the_controller_off_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    # From a machine behind the old gateway; the new one does not forward.
    before = described("networkd")
    # A connection that is open already would be used again, and prove nothing.
    jump = f"-o ControlPath=none -o 'ProxyCommand=ssh -F {SSH_CONFIG} controller nc %h 22'"
    run = role(monkeypatch, "--limit", "networkd", ssh_words=jump, gateways=[NEW[0]], undo_after=30)
    assert run.code != 0, run.output
    assert "networkd has its old default gateway back" in run.output.replace("\n", " "), run.output
    await_gateways("networkd", OLD)
    assert described("networkd") == before
