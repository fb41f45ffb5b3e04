# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit that starts the synchronisation of connections at boot, run by a shell beside a stand-in for ipvsadm."""

from __future__ import annotations

import os
import subprocess
import typing as t
from pathlib import Path

import jinja2
import pytest

TEMPLATES = Path(__file__).parents[3] / "roles/director/templates"
SYNC = {"interface": "eth0", "sync_id": 51, "group": "ff02::81", "port": 8848, "ttl": 1, "max_length": 0}
OPTIONS = "--mcast-interface eth0 --syncid 51 --mcast-group ff02::81 --mcast-port 8848 --mcast-ttl 1"
IPVSADM = """#!/bin/sh
case $1 in
-L) cat "$STATE/running" ;;
--start-daemon)
    echo "$*" >>"$STATE/asked"
    [ ! -e "$STATE/down" ] || { rm "$STATE/down"; exit 1; }
    echo "$2 sync daemon (mcast=$4, syncid=$6)" >>"$STATE/running" ;;
esac
"""


def rendered(**sync: object) -> str:
    room = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, loader=jinja2.FileSystemLoader(TEMPLATES))
    room.filters.update(comment=lambda text: f"# {text}")
    template = room.get_template("lvs-cluster-sync.service.j2")
    return template.render(director_connection_sync={**SYNC, **sync}, ansible_managed="Ansible")


def asked(place: Path, *, running: t.Sequence[str] = (), is_down: bool = False) -> list[str]:
    """What the unit's command asks of ipvsadm where these daemons run and the interface is down at first."""
    (program,) = (line for line in rendered().splitlines() if line.startswith("ExecStart="))
    words = program.removeprefix('ExecStart=/bin/sh -c "').removesuffix('"')
    for name, text in (("ipvsadm", IPVSADM), ("sleep", "#!/bin/sh\n")):
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    (place / "asked").touch()
    (place / "running").write_text("".join(f"{role} sync daemon (mcast=eth0, syncid=51)\n" for role in running))
    if is_down:
        (place / "down").touch()
    environment = {"PATH": f"{place}:{os.environ['PATH']}", "STATE": str(place)}
    subprocess.run(["/bin/sh", "-c", words], env=environment, check=True, timeout=30)
    return (place / "asked").read_text().splitlines()


@pytest.mark.parametrize("running", [(), ("master",), ("backup",), ("master", "backup")])
def test_it_starts_what_does_not_run_and_leaves_the_rest_alone(tmp_path: Path, running: t.Sequence[str]) -> None:
    missing = [role for role in ("master", "backup") if role not in running]
    assert asked(tmp_path, running=running) == [f"--start-daemon {role} {OPTIONS}" for role in missing]


def test_it_waits_for_an_interface_that_is_not_up_yet(tmp_path: Path) -> None:
    roles = ("master", "master", "backup")
    assert asked(tmp_path, is_down=True) == [f"--start-daemon {role} {OPTIONS}" for role in roles]


def test_the_length_of_a_message_is_said_only_when_it_is_described() -> None:
    assert "--sync-maxlen" not in rendered()
    assert rendered(max_length=1400).count("--mcast-ttl 1 --sync-maxlen 1400;") == 2
