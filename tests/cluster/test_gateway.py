# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default gateway on machines whose networks are configured by different programs: a lab of its own (gateway).

Set it, reboot, give it back, reboot; and a gateway that cuts the controller off is taken back by the machine itself.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from drive import CHECKOUT, LAB, NAMESPACE, Run, await_that, playbook

HERE = Path(__file__).parent
NAME = os.environ.get("LVS_GATEWAY_LAB") or f"{NAMESPACE}-gw"
SSH_CONFIG = Path("/run/lvs-labs") / NAME / "ssh_config"
MACHINES = ("ifupdown", "networkd", "netplan", "nm", "unit")
OLD, NEW = ("192.0.2.1", "2001:db8:2::1"), ("192.0.2.2", "2001:db8:2::2")
TIMER, SERVICE = "lvs-cluster-undo-gateway.timer", "lvs-cluster-undo-gateway.service"
KEEPS = {
    "ifupdown": "/etc/network/if-up.d/zz-lvs-cluster-gateway",
    "networkd": "/etc/systemd/network/00-lvs-cluster-eth0-10-eth0.network",
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


def set_gateways(machine: str, **options: object) -> None:
    """One run of the module alone, which nobody keeps."""
    subprocess.run(
        [
            "ansible",
            machine,
            "-i",
            HERE / "gateway.yml",
            "-m",
            "lvs.cluster.default_gateway",
            "-a",
            json.dumps(options),
        ],
        cwd=CHECKOUT,
        env={**os.environ, "ANSIBLE_SSH_ARGS": f"-F {SSH_CONFIG}"},
        stdin=subprocess.DEVNULL,
        check=True,
    )


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


def test_two_changes_that_nobody_keeps_are_both_taken_back_and_it_is_too_late_to_keep_them() -> None:
    set_gateways("unit", state="absent")
    before = described("unit")
    set_gateways("unit", gateways=[NEW[1]], undo_after=120)
    set_gateways("unit", gateways=["2001:db8:2::22"], undo_after=10)
    ssh("unit", "echo sleep 15 >>/run/lvs-cluster/undo-gateway/restore")
    states = f"systemctl is-active {TIMER} {SERVICE}"
    await_that(lambda: ssh("unit", states, check=False).split() == ["inactive", "active"], "it goes off")
    assert "not loaded" in ssh("unit", f"systemctl stop {TIMER} 2>&1", check=False)
    await_gateways("unit", OLD)
    await_that(lambda: ssh("unit", states, check=False).split() == ["inactive", "inactive"], "it ends")
    assert described("unit") == before


def test_a_change_without_a_switch_lasts_whatever_an_earlier_one_armed() -> None:
    set_gateways("unit", gateways=[NEW[0]], undo_after=120)
    assert ssh("unit", f"systemctl is-active {TIMER}").strip() == "active"
    set_gateways("unit", gateways=NEW)
    assert ssh("unit", f"systemctl is-active {TIMER}", check=False).strip() == "inactive"
    set_gateways("unit", state="absent")
    assert gateways("unit") == OLD


def test_ifupdown_brings_up_a_later_interface_with_a_gateway_of_its_own() -> None:
    set_gateways("ifupdown", gateways=NEW)
    interface = "iface dummy0 inet static\n pre-up ip link add dummy0 type dummy\n address 198.51.100.2/24\n"
    ssh("ifupdown", f"printf '{interface} gateway 198.51.100.1\n post-down ip link del dummy0\n' >/tmp/dummy0")
    ssh("ifupdown", "cat /etc/network/interfaces /tmp/dummy0 >/tmp/both; ifup -i /tmp/both dummy0")
    assert gateways("ifupdown") == NEW
    ssh("ifupdown", "ifdown -i /tmp/both dummy0")
    set_gateways("ifupdown", state="absent")
    assert gateways("ifupdown") == OLD
