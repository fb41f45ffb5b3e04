# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab itself, from outside: its command and other people's tools (ip, ps, ssh, ping, curl). Root only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.lvs.cluster.tests.lab.outside import ENVIRONMENT, LAB, NAME, STATE, lab, needs_root, on

ADDRESSES = {
    "lb1": ("192.0.2.11", "2001:db8:2::11"),
    "lb2": ("192.0.2.12", "2001:db8:2::12"),
    "rs1": ("192.0.2.21", "2001:db8:2::21"),
    "rs2": ("192.0.2.22", "2001:db8:2::22"),
    "client": ("192.0.2.31", "2001:db8:2::31"),
}
ONE_MACHINE = """
networks:
  lan: {addresses: [192.0.2.254/24]}
machines:
  alone: {interfaces: {eth0: {network: lan, addresses: [192.0.2.1/24]}}}
"""


def wait_until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds} s")
        time.sleep(0.1)


def processes() -> list[str]:
    """Every process that has to do with the lab of these tests: its machines, its supervisor, its SSH connections."""
    listed = subprocess.run(["ps", "-eo", "pid=,args=", "-ww"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if NAME in line and " ps -eo " not in line]


def remains() -> list[str]:
    """What there is of the lab: processes, network namespace (the taps are in it), state, disks."""
    namespaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout.split()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lvs-cluster-lab"
    places = [str(place) for place in (STATE, cache / "disks" / NAME) if place.exists()]
    return [*processes(), *(name for name in namespaces if name == NAME), *places]


def boot_id(machine: str) -> str:
    return on(machine, "cat /proc/sys/kernel/random/boot_id")


@pytest.fixture(scope="module")
def direct() -> Iterator[None]:
    # The owner is this process: a killed test run leaves no lab.
    lab("down")
    started = time.monotonic()
    lab("image")
    imaged = time.monotonic()
    lab("up", "direct", "--owner", str(os.getpid()))
    print(f"image {imaged - started:.0f} s, five machines reachable {time.monotonic() - imaged:.0f} s", file=sys.stderr)
    yield
    lab("down")


@needs_root
@pytest.mark.parametrize("machine", ADDRESSES)
def test_each_machine_reaches_each_other_one_by_both_families(direct: None, machine: str) -> None:
    others = " ".join(" ".join(pair) for name, pair in ADDRESSES.items() if name != machine)
    on(machine, f"for address in {others}; do ping -c 1 -W 5 -q $address >/dev/null || exit 1; done")


@needs_root
def test_nothing_leads_out_of_the_lab(direct: None) -> None:
    assert on("lb1", "ip route show default; ip -6 route show default") == ""
    links = subprocess.run(["ip", "-n", NAME, "-br", "link"], capture_output=True, text=True, check=True).stdout
    names = {line.split()[0] for line in links.splitlines()}
    assert names == {"lo", "br-lan", *(f"{machine}.0" for machine in ADDRESSES)}


@needs_root
@pytest.mark.parametrize("machine", ["rs1", "rs2"])
def test_the_web_service_says_the_name_of_its_machine(direct: None, machine: str) -> None:
    ipv4, ipv6 = ADDRESSES[machine]
    for url in (f"http://{ipv4}/", f"http://{ipv4}/health", f"http://[{ipv6}]/"):
        assert on("client", f"curl -sS --max-time 10 --retry 10 --retry-connrefused {url}") == machine


@needs_root
def test_a_machine_without_web_does_not_serve(direct: None) -> None:
    on("client", "curl -sS --max-time 10 http://192.0.2.11/", fails=True)


@needs_root
def test_machines_are_healthy_and_each_has_its_own_identity(direct: None) -> None:
    for machine in ADDRESSES:
        assert on(machine, "systemctl is-system-running --wait") == "running"
        assert on(machine, "hostname") == machine
    assert len({on(machine, "cat /etc/machine-id") for machine in ADDRESSES}) == len(ADDRESSES)


@needs_root
def test_packages_of_the_roles_are_not_there_but_can_be_installed_offline_and_ipvs_works(direct: None) -> None:
    on("lb2", "command -v keepalived || command -v ipvsadm", fails=True)
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends keepalived ipvsadm"
    on("lb2", f"apt-get -q update && {install}")
    on("lb2", "modprobe ip_vs && modprobe ip_vs_wlc && ipvsadm -A -t [2001:db8:2::100]:80 -s wlc")
    assert "[2001:db8:2::100]:80 wlc" in on("lb2", "ipvsadm -Ln")


@needs_root
def test_iptables_works_so_that_a_test_can_filter_a_protocol(direct: None) -> None:
    on("lb1", "iptables -A INPUT -p 112 -j DROP && ip6tables -A INPUT -p 112 -j DROP")
    assert "-p vrrp -j DROP" in on("lb1", "iptables -S INPUT").replace("-p 112", "-p vrrp")
    on("lb1", "iptables -F INPUT && ip6tables -F INPUT")


@needs_root
def test_time_runs_evenly(direct: None) -> None:
    before = time.time()
    there = float(on("rs2", "date +%s.%N"))
    assert before - 1 < there < time.time() + 1
    seconds = float(on("rs2", "a=$(date +%s%N); sleep 2; b=$(date +%s%N); echo $(( (b - a) / 1000000 ))")) / 1000
    assert 2 <= seconds < 2.5


@needs_root
def test_large_transfers_between_machines_do_not_stall(direct: None) -> None:
    on("rs1", "head -c 4000000 /dev/zero >/root/large")
    serve = "systemd-run --unit=large --quiet python3 -m http.server -d /root 9000"
    on("rs1", serve)
    fetch = "curl -s --max-time 60 --retry 10 --retry-connrefused -o /dev/null -w '%{size_download}' "
    assert on("client", f"{fetch} http://192.0.2.21:9000/large") == "4000000"
    on("rs1", "systemctl stop large; rm /root/large")


@needs_root
def test_a_power_cut_takes_every_process_at_once_and_the_disk_stays(direct: None) -> None:
    before = boot_id("lb1")
    on("lb1", "echo kept >/root/note && sync")
    lab("cut", "lb1")
    assert not [line for line in processes() if f"{NAME}:lb1" in line]
    assert "lb1          off" in lab("status")
    on("client", "ping -c 1 -W 1 -q 192.0.2.11", fails=True)
    lab("start", "lb1")
    assert on("lb1", "cat /root/note") == "kept"
    assert boot_id("lb1") != before


@needs_root
def test_a_reboot_comes_back_with_its_disk_and_address(direct: None) -> None:
    on("rs1", "echo kept >/root/note")
    before = boot_id("rs1")
    lab("reboot", "rs1")
    assert boot_id("rs1") != before
    assert on("rs1", "cat /root/note") == "kept"
    assert on("client", "curl -sS --max-time 10 --retry 10 --retry-connrefused http://192.0.2.21/") == "rs1"


@needs_root
def test_a_machine_that_is_shut_down_stays_off_until_it_is_started(direct: None) -> None:
    lab("ssh", "rs2", "systemctl --no-block poweroff")
    wait_until(lambda: "rs2          off" in lab("status"), "rs2 is off")
    lab("start", "rs2")
    assert on("rs2", "hostname") == "rs2"


@needs_root
def test_an_unplugged_machine_goes_on_and_is_back_when_plugged(direct: None) -> None:
    before = boot_id("rs2")
    lab("unplug", "rs2")
    assert "unplugged: eth0" in lab("status")
    on("client", "ping -c 1 -W 1 -q 192.0.2.22", fails=True)
    lab("plug", "rs2")
    on("client", "ping -c 1 -W 5 -q 192.0.2.22")
    assert boot_id("rs2") == before


@needs_root
def test_ansible_needs_nothing_but_the_environment_that_env_prints(direct: None) -> None:
    exports = lab("env")
    assert f"export ANSIBLE_SSH_ARGS='-F {STATE}/ssh_config'" in exports
    for address in ("client", *ADDRESSES["client"]):
        done = subprocess.run(
            ["ssh", "-F", STATE / "ssh_config", address, "hostname"], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "client"


@needs_root
def test_what_does_not_exist_is_refused_in_one_sentence(direct: None) -> None:
    assert "There is no machine 'lb9' in the scenario direct; it has lb1," in lab("cut", "lb9", fails=True)
    assert "lb1 has no interface 'eth7'; it has eth0." in lab("unplug", "lb1", "eth7", fails=True)
    refusal = lab("up", "moon", fails=True)
    assert refusal.startswith("lab: There is no scenario 'moon'; there are ")
    assert " direct, " in refusal


@needs_root
def test_up_again_is_fine_and_another_scenario_is_refused(direct: None, tmp_path: Path) -> None:
    assert "direct is up already" in lab("up", "direct", "--owner", str(os.getpid()))
    other = tmp_path / "other.yml"
    other.write_text(ONE_MACHINE)
    assert "is up with another scenario, direct; end it first" in lab("up", str(other), fails=True)


# From here on the lab of the tests above is gone: each test has a small one of its own.


@pytest.fixture
def no_lab() -> Iterator[None]:
    lab("down")
    yield
    lab("down")


@pytest.fixture
def alone(tmp_path: Path) -> str:
    file = tmp_path / "alone.yml"
    file.write_text(ONE_MACHINE)
    return str(file)


@needs_root
def test_down_leaves_nothing_and_is_fine_without_a_lab(no_lab: None, alone: str) -> None:
    lab("up", alone)
    assert on("alone", "hostname") == "alone"
    lab("down")
    wait_until(lambda: not remains(), "nothing of the lab is left")
    lab("down")


@needs_root
def test_nothing_is_left_when_the_owner_is_killed(no_lab: None, alone: str) -> None:
    with subprocess.Popen(["sleep", "600"]) as owner:
        lab("up", alone, "--owner", str(owner.pid))
        assert remains()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        wait_until(lambda: not remains(), "nothing of the lab is left")


@needs_root
def test_nothing_is_left_when_up_is_killed_halfway(no_lab: None, alone: str) -> None:
    with subprocess.Popen([LAB, "up", alone], env=ENVIRONMENT, stdout=subprocess.DEVNULL) as up:
        wait_until(lambda: any(f"{NAME}:alone" in line for line in processes()), "the machine boots")
        up.send_signal(signal.SIGKILL)
        up.wait()
        wait_until(lambda: not remains(), "nothing of the lab is left")


@needs_root
def test_machines_die_with_their_supervisor_and_the_next_up_removes_the_rest(no_lab: None, alone: str) -> None:
    lab("up", alone)
    supervisor = next(line for line in processes() if "_lab.supervisor" in line)
    os.kill(int(supervisor.split()[0]), signal.SIGKILL)
    wait_until(lambda: not any(f"{NAME}:alone" in line for line in processes()), "the machine is gone")
    assert "removes what a killed lab left behind" in lab("up", alone)
    assert on("alone", "hostname") == "alone"
    lab("down")
    wait_until(lambda: not remains(), "nothing of the lab is left")


@needs_root
def test_a_debian_13_machine_boots_and_installs_what_the_roles_need(no_lab: None, tmp_path: Path) -> None:
    file = tmp_path / "trixie.yml"
    file.write_text(ONE_MACHINE.replace("{interfaces", "{release: trixie, interfaces"))
    lab("up", str(file), "--owner", str(os.getpid()))
    assert on("alone", "cat /etc/debian_version").startswith("13")
    assert on("alone", "systemctl is-system-running --wait") == "running"
    on(
        "alone",
        "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get install -q -y ipvsadm && modprobe ip_vs_wlc",
    )
    assert "IP Virtual Server" in on("alone", "ipvsadm -Ln")


@needs_root
def test_commands_without_a_lab_say_how_to_start_one(no_lab: None) -> None:
    assert "No lab called lvs-lab-selftest is up; start one" in lab("status", fails=True)


@needs_root
def test_without_root_one_sentence_says_so() -> None:
    # In a user namespace of its own the program is nobody, and may still read this checkout.
    done = subprocess.run(
        ["unshare", "--user", LAB, "up", "direct"], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.stderr == "lab: The lab makes network namespaces and disks, so it needs root; run it with sudo.\n"
    assert done.returncode == 2


@needs_root
def test_too_little_memory_is_refused_with_the_remedy(no_lab: None, tmp_path: Path) -> None:
    file = tmp_path / "huge.yml"
    file.write_text(ONE_MACHINE.replace("{interfaces", "{memory: 9000000, interfaces"))
    assert "want 9000000 MiB of memory and" in lab("up", str(file), fails=True)
    assert not remains()
