# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demonstration: five real machines become a redundant load balancer, and one of them loses its power.

`make demo` calls it in the virtual environment. It takes down what it has made, also when it fails or is interrupted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A lab of its own: one that stands for playing is left alone.
os.environ["LVS_LAB_NAME"] = "lvs-demo"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))
import yaml
from drive import EXAMPLE, LAB, VIP, Run, Traffic, active_director, await_that, lab, playbook, ssh

#: The example, with a standby that takes over in about a second.
DESCRIBED = yaml.safe_load((EXAMPLE.parent / "group_vars/all.yml").read_text(encoding="utf-8"))["lvs_cluster"]
DESCRIBED["vrrp"]["advert_interval"] = 0.3
rows: list[tuple[str, str]] = []
begin = time.monotonic()


def say(text: str) -> None:
    print(f"   {text}", flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announces a step, and says how long it took."""
    print(f"\n== {title}", flush=True)
    start = time.monotonic()
    yield
    print(f"   done in {time.monotonic() - start:.1f} s", flush=True)


def site() -> Run:
    run = playbook("site.yml", variables={"lvs_cluster": DESCRIBED})
    if run.code:
        sys.exit(f"site.yml failed:\n{run.output}")
    say("ansible-playbook site.yml -i examples/direct-pair/inventory.yml, with adverts every 0.3 s")
    for host, numbers in run.recap.items():
        say(f"{host:<10} {numbers['ok']:>3} tasks, {numbers['changed']} changed")
    return run


def show_requests() -> None:
    answers = ssh(
        "client", f"for i in $(seq 200); do curl --silent --max-time 5 http://{VIP}/; done", seconds=300
    ).split()
    for name in sorted(set(answers)):
        share = answers.count(name)
        say(f"{name} answered {share:>3} times  {'#' * (share // 4)}")
    shares = ", ".join(f"{name}: {answers.count(name)}" for name in sorted(set(answers)))
    rows.append(("200 requests answered by", shares))


def show_arp() -> None:
    replies = ssh("client", f"arping -c 3 -I eth0 {VIP}", check=False)
    macs = sorted({line.split("[")[1].split("]")[0].lower() for line in replies.splitlines() if "reply from" in line})
    owners = {ssh(name, "cat /sys/class/net/eth0/address").strip(): name for name in ("lb1", "lb2", "rs1", "rs2")}
    names = ", ".join(f"{owners.get(mac, '?')} ({mac})" for mac in macs)
    say(f"ARP for {VIP} is answered by {names}")
    rows.append((f"ARP for {VIP} answered by", names))


def cut_power() -> str:
    active = active_director()
    say(f"{active} is active; a request every 20 ms runs from the client")
    with Traffic(interval=0.02, timeout=0.9) as traffic:
        time.sleep(2)
        say(f"power of {active} cut")
        lab("cut", active)
        time.sleep(6)
    report = traffic.result
    now = active_director()
    say(f"{now} is active now")
    say(f"gap {report.gap:.2f} s; {report.failed} of {report.requests} requests failed")
    rows.append(("director that lost its power", active))
    rows.append(("director that took over", now))
    rows.append(("service was away for", f"{report.gap:.2f} s"))
    rows.append(("requests that failed", f"{report.failed} of {report.requests}"))
    return active


def demonstrate() -> None:
    with step("Boot five machines: two directors, two real servers, one client"):
        command = [LAB, "up", "direct", "--owner", str(os.getpid())]
        if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
            sys.exit("The machines did not start; the lines above say why.")
    with step("Build the cluster from its description (examples/direct-pair/group_vars/all.yml)"):
        first = site()
        rows.append(("first site.yml", f"{first.seconds:.0f} s, {first.changed} changes"))
    with step(f"Send 200 requests from the client to http://{VIP}/ (weights 1 and 2)"):
        show_requests()
    with step("Ask who has the virtual IP"):
        show_arp()
    with step("Cut the power of the active director under constant traffic"):
        lost = cut_power()
    with step(f"Switch {lost} on again and wait until it is back as standby"):
        lab("start", lost)
        await_that(lambda: "192.0.2.22:80" in ssh(lost, "ipvsadm -Sn"), f"{lost} has its table again")
    with step("Run site.yml again: nothing is left to change"):
        again = site()
        rows.append(("second site.yml", f"{again.seconds:.0f} s, {again.changed} changes"))


def main() -> int:
    if os.geteuid() != 0:
        print("make demo makes virtual machines and their network: run it as root.", file=sys.stderr)
        return 2
    try:
        demonstrate()
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except (RuntimeError, TimeoutError, subprocess.TimeoutExpired) as error:
        print(f"\nThe demonstration ends here: {error}", file=sys.stderr)
        return 1
    finally:
        with step("Take everything down"):
            lab("down")
    width = max(len(row[0]) for row in rows)
    print(f"\n{'What was seen':<{width}}\n{'-' * (width + 40)}")
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    print(f"\nAll in {time.monotonic() - begin:.0f} s. make lab-up boots such machines to play with.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
