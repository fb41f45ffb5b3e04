# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that a lab lives under: it holds the machines' power, and when it ends, in whatever way, they end.

Started by `lab up` with the lab's state folder locked; the lock is free again when the supervisor is gone. It listens
on a socket for one JSON object a line and answers with one. It ends the lab when asked to, or when its owner is gone.
At first that is `lab up` itself, so that a killed `up` leaves nothing; later the process given with --owner, or nobody.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from . import network, ssh
from .errors import LabError
from .image import Image
from .machine import Power
from .paths import LABS, Paths
from .scenario import load


class Supervisor:
    def __init__(self, paths: Paths, file: Path, images: dict[str, Image], owner: int) -> None:
        self._paths = paths
        self._file = file
        self._scenario = scenario = load(file)
        self._images = images
        self._machines = {one.name: Power(paths, one, images[one.release]) for one in scenario.machines}
        self._selector = selectors.DefaultSelector()
        self._owner: int | None = None
        self._owner_pid: int | None = None
        self._goes_on = True
        self._own(owner)

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            network.make(self._paths, self._scenario)
            ssh.write_config(self._paths, self._scenario, self._images)
            self._paths.disks.mkdir(parents=True)
            for machine in self._machines.values():
                machine.start()
            self._serve()
        finally:
            for machine in self._machines.values():
                machine.cut()
            remove_remains(self._paths)

    def _serve(self) -> None:
        # The name appears when the socket listens, so who sees it can connect.
        listening = self._paths.control.with_suffix(".new")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.bind(str(listening))
            server.listen(8)
            listening.rename(self._paths.control)
            self._selector.register(server, selectors.EVENT_READ, "request")
            while self._goes_on:
                for machine in self._machines.values():
                    machine.restart_after_reboot()
                for key, _dummy in self._selector.select(timeout=0.5):
                    if key.data == "request":
                        with server.accept()[0] as connection:
                            self._answer(connection)
                    else:
                        print(f"owner {self._owner_pid} is gone", flush=True)
                        self._goes_on = False

    def _stop(self, *signal_and_frame: object) -> None:
        self._goes_on = False

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with contextlib.suppress(OSError), connection.makefile("rw", encoding="utf-8") as stream:
            try:
                answer = self._obey(json.loads(stream.readline()))
            except (LabError, ValueError, KeyError) as error:
                answer = {"error": str(error)}
            stream.write(json.dumps(answer) + "\n")

    def _obey(self, request: dict[str, Any]) -> dict[str, Any]:
        print(json.dumps(request), flush=True)
        match request["do"]:
            case "status":
                power = {name: machine.on for name, machine in self._machines.items()}
                return {"scenario_file": str(self._file), "owner": self._owner_pid, "on": power}
            case "cut":
                machine = self._machines[request["machine"]]
                machine.cut()
                # Else the next ssh would share a connection that nobody answers any more.
                for address in machine.machine.addresses:
                    network.kill_processes(self._paths, address)
            case "start":
                self._machines[request["machine"]].start()
            case "own":
                self._own(request["owner"])
            case "down":
                self._goes_on = False
        return {}

    def _own(self, pid: int | None) -> None:
        new = None
        if pid is not None:
            try:
                new = os.pidfd_open(pid)
            except OSError as error:
                raise LabError(f"The owner of the lab, process {pid}, is not there: {error.strerror}.") from error
            self._selector.register(new, selectors.EVENT_READ, "owner")
        if self._owner is not None:
            self._selector.unregister(self._owner)
            os.close(self._owner)
        self._owner, self._owner_pid = new, pid


def ask(paths: Paths, request: dict[str, Any]) -> dict[str, Any]:
    """Send the supervisor a request and return its answer; LabError when there is none or the answer is an error."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(30)
            connection.connect(str(paths.control))
            with connection.makefile("rw", encoding="utf-8") as stream:
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answer: dict[str, Any] = json.loads(stream.readline() or '{"error": "The lab went down."}')
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise LabError(f"No lab called {paths.name} is up; start one: tests/lab/lab up direct.") from error
    if "error" in answer:
        raise LabError(answer["error"])
    return answer


def remove_remains(paths: Paths) -> None:
    """Everything of a lab whose machines are off; the caller holds the lock of its state folder."""
    network.remove(paths)
    shutil.rmtree(paths.disks, ignore_errors=True)
    with contextlib.suppress(OSError):
        paths.disks.parent.rmdir()
    shutil.rmtree(paths.state, ignore_errors=True)
    with contextlib.suppress(OSError):
        LABS.rmdir()


def main(arguments: list[str]) -> int:
    plan = json.loads(arguments[0])
    paths = Paths(plan["name"])
    images = {release: Image(Path(folder)) for release, folder in plan["images"].items()}
    try:
        Supervisor(paths, Path(plan["scenario"]), images, plan["owner"]).run()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
