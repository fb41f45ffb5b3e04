# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lab keeps what: its state goes with it, the image stays."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError

ROOM = Path(__file__).resolve().parents[1]
LABS = Path("/run/lvs-labs")


def cache() -> Path:
    """Folder of the images and, while a lab is up, of its machines' disks."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lvs-cluster-lab"


@dataclass(frozen=True)
class Paths:
    """The places of the lab called `name`, which is also the name of its network namespace."""

    name: str

    @classmethod
    def from_environment(cls) -> Paths:
        """LVS_LAB_NAME lets two labs stand side by side."""
        name = os.environ.get("LVS_LAB_NAME") or "lvs-lab"
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
            raise LabError(f"LVS_LAB_NAME must be at most 31 small letters, digits and hyphens, got {name!r}.")
        return cls(name)

    @property
    def state(self) -> Path:
        return LABS / self.name

    @property
    def control(self) -> Path:
        """Socket of the supervisor."""
        return self.state / "control"

    @property
    def log(self) -> Path:
        """What the supervisor says."""
        return self.state / "supervisor.log"

    @property
    def ssh_config(self) -> Path:
        return self.state / "ssh_config"

    @property
    def disks(self) -> Path:
        return cache() / "disks" / self.name

    @property
    def namespace(self) -> Path:
        return Path("/run/netns") / self.name

    def console(self, machine: str) -> Path:
        return self.state / f"{machine}.console"

    def disk(self, machine: str) -> Path:
        return self.disks / f"{machine}.cow"
