# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the dead man's switch asks of systemd; that systemd does it is for tests/cluster."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._undo import switch as undo
from ansible_collections.lvs.cluster.plugins.module_utils._undo.switch import Switch, UndoError


class Module:
    """Stands for AnsibleModule on a host with systemd, which knows the units that are active."""

    def __init__(self, *, programs: tuple[str, ...] = ("systemctl", "systemd-run"), refuses: str = "") -> None:
        self._programs = programs
        self._refuses = refuses
        self.states: dict[str, list[str]] = {}  # one after the other; the last one stays
        self.commands: list[str] = []

    def get_bin_path(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self._programs else None

    def run_command(self, words: list[str]) -> tuple[int, str, str]:
        name, *rest = (words[0].removeprefix("/usr/bin/"), *words[1:])
        if name == "systemctl" and rest[0] == "is-active":
            states = self.states.get(rest[1], ["inactive"])
            return (0, f"{states.pop(0) if len(states) > 1 else states[0]}\n", "")
        self.commands.append(" ".join([name, *rest]))
        if name == "systemctl" and rest[0] == "stop":
            self.states[rest[1]] = ["inactive"]
        if name == "systemd-run":
            if self._refuses:
                return (1, "", self._refuses)
            self.states["lvs-cluster-undo-firewall.timer"] = ["active"]
        return (0, "", "")


def switch(module: Module, directory: Path) -> Switch:
    systemd = directory / "systemd"
    systemd.mkdir(exist_ok=True)
    return Switch(module, "firewall", directory=directory / "run", systemd=systemd)


def test_the_timer_runs_what_restores_and_only_root_may_read_it(tmp_path: Path) -> None:
    module = Module()
    armed = switch(module, tmp_path)
    assert not armed.is_armed()
    armed.arm(seconds=30, restore=f"echo restored >{tmp_path}/effect")
    assert armed.is_armed()
    assert armed.timer == "lvs-cluster-undo-firewall.timer"
    script = tmp_path / "run/undo-firewall/restore"
    assert module.commands == [
        "systemctl stop lvs-cluster-undo-firewall.timer",
        (
            "systemd-run --on-active=30s --unit=lvs-cluster-undo-firewall --collect --quiet"
            " --timer-property=AccuracySec=100ms --description=Take back the change of the firewall"
            f" /bin/sh {script}"
        ),
    ]
    assert script.stat().st_mode & 0o777 == 0o600
    assert script.parent.stat().st_mode & 0o777 == 0o700
    said = subprocess.run(["/bin/sh", script], capture_output=True, text=True, check=True).stdout
    assert said == (
        "The change of the firewall is taken back: nobody has stopped lvs-cluster-undo-firewall.timer in time.\n"
    )
    assert (tmp_path / "effect").read_text() == "restored\n"


def test_while_it_is_armed_the_later_change_is_taken_back_before_the_earlier_and_the_time_begins_anew(
    tmp_path: Path,
) -> None:
    module = Module()
    switch(module, tmp_path).arm(seconds=30, restore="echo first")
    module.commands.clear()
    switch(module, tmp_path).arm(seconds=20, restore="echo second")
    assert module.commands[0] == "systemctl stop lvs-cluster-undo-firewall.timer"
    assert "--on-active=20s" in module.commands[1]
    switch(module, tmp_path).arm(seconds=20, restore="echo third\n")
    script = switch(module, tmp_path).script
    said = subprocess.run(["/bin/sh", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[1:] == ["third", "second", "first"]


def test_the_timer_has_gone_before_anything_is_restored(tmp_path: Path) -> None:
    switch(Module(), tmp_path).arm(seconds=30, restore="echo first")
    lines = switch(Module(), tmp_path).script.read_text().splitlines()
    assert lines[3:] == [
        "systemctl stop lvs-cluster-undo-firewall.timer 2>/dev/null",
        "echo 'The change of the firewall is taken back: nobody has stopped lvs-cluster-undo-firewall.timer in time.'",
        "echo first",
    ]


def test_a_change_without_a_switch_disarms_that_of_an_earlier_one(tmp_path: Path) -> None:
    module = Module()
    switch(module, tmp_path).prepare(seconds=0)
    assert module.commands == []
    switch(module, tmp_path).arm(seconds=30, restore="echo first")
    module.commands.clear()
    switch(module, tmp_path).prepare(seconds=0)
    assert module.commands == ["systemctl stop lvs-cluster-undo-firewall.timer"]
    assert not switch(module, tmp_path).is_armed()
    assert not (tmp_path / "run").exists()


def test_once_it_is_stopped_the_next_change_has_its_own_old_state(tmp_path: Path) -> None:
    module = Module()
    switch(module, tmp_path).arm(seconds=30, restore="echo first")
    module.states.clear()
    switch(module, tmp_path).arm(seconds=30, restore="echo second")
    assert "echo second\n" in switch(module, tmp_path).script.read_text()
    assert [path.name for path in (tmp_path / "run/undo-firewall").iterdir()] == ["restore"]


@pytest.mark.parametrize("again", [Switch.restart, Switch.prepare])
def test_one_that_is_armed_has_all_its_time_again_and_else_nothing_happens(
    tmp_path: Path, again: Callable[..., None]
) -> None:
    module = Module()
    again(switch(module, tmp_path), seconds=40)
    assert module.commands == []
    switch(module, tmp_path).arm(seconds=30, restore="echo first")
    again(switch(module, tmp_path), seconds=40)
    assert "--on-active=40s" in module.commands[-1]
    assert "echo first\n" in switch(module, tmp_path).script.read_text()


def test_a_switch_that_goes_off_now_is_awaited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo, "_STEP", 0.01)
    module = Module()
    module.states["lvs-cluster-undo-firewall.service"] = ["activating", "active", "deactivating", "inactive"]
    switch(module, tmp_path).arm(seconds=30, restore="true")
    module.states["lvs-cluster-undo-firewall.service"] = ["activating", "inactive"]
    switch(module, tmp_path).prepare(seconds=30)
    assert module.states["lvs-cluster-undo-firewall.service"] == ["inactive"]
    monkeypatch.setattr(undo, "_RESTORING", 0.05)
    module.states["lvs-cluster-undo-firewall.service"] = ["activating"]
    with pytest.raises(UndoError, match=r"lvs-cluster-undo-firewall\.service takes an earlier change back since"):
        switch(module, tmp_path).arm(seconds=30, restore="true")


def test_no_timer_no_change(tmp_path: Path) -> None:
    with pytest.raises(UndoError, match=r"cannot be armed: Unit was already loaded\. Nothing was changed\."):
        switch(Module(refuses="Unit was already loaded.\n"), tmp_path).arm(seconds=30, restore="true")


@pytest.mark.parametrize("lacks", ["systemd", "systemctl", "systemd-run"])
def test_without_systemd_the_remedy_is_named(tmp_path: Path, lacks: str) -> None:
    module = Module(programs=tuple(name for name in ("systemctl", "systemd-run") if name != lacks))
    without = switch(module, tmp_path)
    if lacks == "systemd":
        (tmp_path / "systemd").rmdir()
    with pytest.raises(UndoError, match=r"because systemd does not run on this host\. Set undo_after to 0"):
        without.require()
    with pytest.raises(UndoError, match="Set undo_after to 0"):
        without.arm(seconds=30, restore="true")
    assert module.commands == []


def test_a_directory_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(UndoError, match="which would take the change back, cannot be written"):
        switch(Module(), tmp_path).arm(seconds=30, restore="true")
