# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the lab."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import host, image, network, ssh
from .errors import LabError
from .paths import LABS, ROOM, Paths
from .scenario import RELEASES, Machine, Scenario, load, parse_link
from .supervisor import ask, remove_remains

BOOT_LIMIT = 180.0


def run(arguments: Sequence[str]) -> int:
    """Carry out one command; mistakes end as one sentence and exit status 2."""
    options = _parser().parse_args(arguments)
    host.add_system_folders_to_path()
    try:
        host.check_root()
        return int(options.command(Paths.from_environment(), options) or 0)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab",
        description="Real machines with real kernels on this one machine, in a network of their own.",
        epilog="LVS_LAB_NAME names the lab (default lvs-lab), so that two can stand side by side.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: object, text: str, *, machine: bool = False) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=function)
        if machine:
            added.add_argument("machine", metavar="NAME")
        return added

    disk = command("image", _image, "find the machines' disk image, or build it")
    disk.add_argument(
        "release", nargs="?", choices=RELEASES, default=RELEASES[0], help="of Debian (default: %(default)s)"
    )
    up = command("up", _up, "start the machines of a scenario and wait until they can be reached")
    up.add_argument("scenario", help="a name in tests/lab/scenarios, or a file")
    up.add_argument("--owner", type=int, metavar="PID", help="end the lab when this process is gone")
    command("down", _down, "end the lab; nothing of it stays but the image")
    login = command("ssh", _ssh, "log in to a machine, or run a command there", machine=True)
    login.add_argument("words", nargs=argparse.REMAINDER, metavar="CMD")
    command("cut", _cut, "take the power away from a machine", machine=True)
    command("start", _start, "give it power again and wait until it can be reached", machine=True)
    command("reboot", _reboot, "reboot a machine and wait until it can be reached", machine=True)
    for name, text in (("unplug", "pull the network cable of a machine"), ("plug", "put the cable in again")):
        cable = command(name, _plug, text, machine=True)
        cable.add_argument("interface", nargs="?", help="only this one (default: all of them)")
        cable.set_defaults(plugged=name == "plug")
    treat = command("netem", _netem, "delay or lose what a machine sends, until it boots again", machine=True)
    treat.add_argument("interface")
    treat.add_argument("words", nargs="*", metavar="WORD", help="delay 20ms, loss 1%%; none: neither")
    command("status", _status, "show the machines")
    command("env", _env, 'print what a shell needs for Ansible: eval "$(tests/lab/lab env)"')
    return parser


def _image(paths: Paths, options: argparse.Namespace) -> None:
    host.check()
    print(f"lab: image {image.find_or_build(options.release).folder}")


def _up(paths: Paths, options: argparse.Namespace) -> None:
    path = Path(options.scenario)
    if not path.suffix:
        path = ROOM / "scenarios" / f"{options.scenario}.yml"
        if not path.exists():
            known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yml")))
            raise LabError(f"There is no scenario {options.scenario!r}; there are {known}.")
    scenario = load(path)
    lock = _claim(paths)
    if lock is None:
        _already_up(paths, scenario, options.owner)
        return
    try:
        host.check(scenario)
        started = time.monotonic()
        images = {release: image.find_or_build(release) for release in sorted({m.release for m in scenario.machines})}
        print(f"lab: image found or built in {time.monotonic() - started:.0f} s", flush=True)
    except BaseException:
        remove_remains(paths)
        raise
    started = time.monotonic()
    # A copy: the lab stays what it is when somebody edits the file.
    copy = shutil.copy(path, paths.state)
    plan = {
        "name": paths.name,
        "scenario": str(copy),
        "images": {release: str(one.folder) for release, one in images.items()},
        "owner": os.getpid(),
    }
    _start_supervisor(paths, plan, lock)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda machine: _wait(paths, machine, started), scenario.machines))
    ask(paths, {"do": "own", "owner": options.owner})
    print(
        f"lab: {scenario.name} is up after {time.monotonic() - started:.0f} s; log in: tests/lab/lab ssh NAME",
        flush=True,
    )


def _claim(paths: Paths) -> int | None:
    """The locked state folder of a lab that is not up, free of remains; None when the lab is up."""
    while True:
        # Each time: removing the remains of the only lab takes the folder of all labs away, too.
        LABS.mkdir(exist_ok=True)
        made = False
        with contextlib.suppress(FileExistsError):
            paths.state.mkdir(mode=0o700)
            made = True
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(paths.state, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return None
            if made and not any(paths.state.iterdir()) and not paths.namespace.exists() and not paths.disks.exists():
                return lock
            print(f"lab: removes what a killed lab left behind in {paths.state}", flush=True)
            remove_remains(paths)
            os.close(lock)


def _already_up(paths: Paths, scenario: Scenario, owner: int | None) -> None:
    running = _running(paths)[0]
    if running != scenario:
        raise LabError(f"The lab {paths.name} is up with another scenario, {running.name}; end it first: lab down.")
    ask(paths, {"do": "own", "owner": owner})
    print(f"lab: {scenario.name} is up already")


def _start_supervisor(paths: Paths, plan: dict[str, object], lock: int) -> None:
    with paths.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "_lab.supervisor", json.dumps(plan)],
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(ROOM)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(lock,),
        )
        os.close(lock)
        said = paths.log.open(encoding="utf-8", errors="replace")
    with said:
        while not paths.control.exists():
            if process.poll() is not None:
                raise LabError(f"The lab did not start:\n{said.read().strip()}")
            time.sleep(0.05)


def _wait(paths: Paths, machine: Machine, started: float) -> None:
    ssh.wait_until_reachable(paths, machine, seconds=BOOT_LIMIT)
    print(f"lab: {machine.name} reachable after {time.monotonic() - started:.0f} s", flush=True)


def _down(paths: Paths, options: argparse.Namespace) -> None:
    started = time.monotonic()
    with contextlib.suppress(LabError):
        ask(paths, {"do": "down"})
        while paths.state.exists() and time.monotonic() - started < 30:
            time.sleep(0.05)
    lock = _claim(paths)
    if lock is None:
        raise LabError(f"The lab {paths.name} is just being started; end that lab up, or wait for it.")
    remove_remains(paths)
    os.close(lock)
    print(f"lab: down in {time.monotonic() - started:.0f} s", flush=True)


def _running(paths: Paths) -> tuple[Scenario, dict[str, bool]]:
    """The scenario of the lab that is up, and which machines have power."""
    status = ask(paths, {"do": "status"})
    return load(Path(status["scenario_file"])), status["on"]


def _chosen(paths: Paths, options: argparse.Namespace) -> Machine:
    return _running(paths)[0].machine(options.machine)


def _ssh(paths: Paths, options: argparse.Namespace) -> None:
    machine = _chosen(paths, options)
    command = ssh.command(paths, machine, options.words)
    os.execvp(command[0], command)


def _cut(paths: Paths, options: argparse.Namespace) -> None:
    machine = _chosen(paths, options)
    ask(paths, {"do": "cut", "machine": machine.name})
    print(f"lab: {machine.name} has no power")


def _start(paths: Paths, options: argparse.Namespace) -> None:
    machine = _chosen(paths, options)
    started = time.monotonic()
    ask(paths, {"do": "start", "machine": machine.name})
    _wait(paths, machine, started)


def _reboot(paths: Paths, options: argparse.Namespace) -> None:
    machine = _chosen(paths, options)
    started = time.monotonic()
    before = ssh.boot_id(paths, machine)
    if before is None:
        raise LabError(f"{machine.name} cannot be reached by SSH, so it cannot be told to reboot; try cut and start.")
    ssh.output(paths, machine, ["systemctl", "reboot"])
    ssh.wait_until_reachable(paths, machine, seconds=BOOT_LIMIT, not_boot=before)
    print(f"lab: {machine.name} rebooted in {time.monotonic() - started:.0f} s")


def _plug(paths: Paths, options: argparse.Namespace) -> None:
    machine = _chosen(paths, options)
    network.plug(paths, machine, plugged=options.plugged, only=options.interface)
    what = f"{options.interface} of {machine.name}" if options.interface else machine.name
    print(f"lab: {what} is {'plugged in' if options.plugged else 'unplugged'}")


def _netem(paths: Paths, options: argparse.Namespace) -> None:
    machine = _chosen(paths, options)
    interface = network.interface(machine, options.interface).name
    link = parse_link("netem", options.words)
    # Taking away what is not there is no mistake here.
    words = f"replace dev {interface} root netem {' '.join(link.netem)}" if link.netem else f"del dev {interface} root"
    if ssh.output(paths, machine, [f"tc qdisc {words} || [ -z '{' '.join(link.netem)}' ]"]) is None:
        raise LabError(
            f"{machine.name} could not be told by SSH how to treat packets; is it reachable? See lab status."
        )
    print(f"lab: {interface} of {machine.name}: {' '.join(link.netem) or 'no delay, no loss'}")


def _status(paths: Paths, options: argparse.Namespace) -> None:
    scenario, on = _running(paths)
    lines = []
    for machine in scenario.machines:
        pulled = network.unplugged(paths, machine)
        if not on[machine.name]:
            state = "off"
        elif pulled:
            state = "unplugged: " + ", ".join(pulled)
        else:
            state = "on" if ssh.boot_id(paths, machine) else "not reachable"
        lines.append(f"{machine.name:12} {state:14} {' '.join(machine.addresses)}")
    print("\n".join(lines))


def _env(paths: Paths, options: argparse.Namespace) -> None:
    _running(paths)
    variables = {
        "LVS_LAB_NAME": paths.name,
        "LVS_LAB_SSH_CONFIG": str(paths.ssh_config),
        "ANSIBLE_SSH_ARGS": f"-F {paths.ssh_config}",
    }
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
