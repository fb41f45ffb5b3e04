# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How ldirectord hears of a drain: a file in its maintenance directory that is called like the real server.

Before each check it looks for the file, and while it is there the real server has weight 0 (ldirectord(8); without
``quiescent`` it leaves the table). The file of the drain beside it remembers which service it was drained in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .drain_files import drain_name, offset_weight
from .drains import Drain
from .mistakes import listed
from .observed import Values, described_destinations, key_of, normal, version_of

#: What stands in a file of ours; one that somebody made by hand stays.
MARK = "drained"
_FOLDER = "maintenance"


def maintenance_name(address: str, port: int) -> str:
    """The name of the file of one real server and port; 0 is the port of a service with a firewall mark."""
    return f"[{address}]:{port}" if version_of(address) == 6 else f"{address}:{port}"


def _name_of(service: Values, entry: Values) -> str:
    port = 0 if service.get("fwmark") is not None else int(entry.get("port") or service["port"])
    return maintenance_name(normal(entry["address"]), port)


def maintenance_files(
    services: Iterable[Values], drained: Mapping[str, int], lines: Iterable[object]
) -> dict[str, bool]:
    """The files that have to be there for these drains, and with False those of ours that have to go.

    ``lines`` of ``grep -H`` over the maintenance directory.
    """
    files = {}
    for line in lines:
        path, _colon, text = str(line).rpartition(":")
        folder, _slash, name = path.rpartition("/")
        if folder.endswith(f"/{_FOLDER}") and text.strip() == MARK:
            files[name] = False
    for service in services:
        for entry in service.get("real_servers") or ():
            weight = 1 if entry.get("weight") is None else int(entry["weight"])
            offset = drained.get(drain_name(service["name"], entry.get("host") or entry["address"]), 0)
            if offset < 0 and offset_weight(weight, offset) == 0:
                files[_name_of(service, entry)] = True
    return files


def maintenance_change(drain: Drain, files: Mapping[str, int | None]) -> dict[str, bool]:
    """What becomes of the files of a real server when these files of its drain are written, or go (None)."""
    changed = {}
    for service in drain.services:
        name = drain_name(service["name"], drain.host)
        if name in files:
            for address, port in drain.destinations[key_of(service)]:
                changed[maintenance_name(address, port)] = bool(files[name])
    return changed


def maintenance_mistakes(drain: Drain, services: Sequence[Values], steps: int) -> list[str]:
    """What ldirectord cannot do of this drain, in sentences."""
    mistakes = []
    if steps > 1:
        mistakes.append("ldirectord gives a real server its whole weight at once. Leave lvs_steps out.")
    names = list(dict.fromkeys(service["name"] for service in drain.services))
    own = {destination for found in drain.destinations.values() for destination in found}
    beside = dict.fromkeys(
        each["name"] for each in services if each["name"] not in names and own & described_destinations(each).keys()
    )
    if beside:
        mistakes.append(
            f"ldirectord knows a real server by address and port only, so {drain.host} leaves "
            f"{listed([*names, *beside], 'and')} together. Leave lvs_service out."
        )
    cutting = dict.fromkeys(
        each["name"] for each in drain.services if (each.get("check") or {}).get("quiesce_on_failure") is False
    )
    if cutting:
        mistakes.append(
            f"ldirectord would take {drain.host} out of the table of {listed(cutting, 'and')} and cut its connections, "
            "because quiesce_on_failure is false there. Leave it out of the description and run site.yml."
        )
    return mistakes


def patience(drain: Drain) -> int:
    """Seconds until ldirectord has come to this real server: it checks those of a service one after the other."""
    longest = 0.0
    for service in drain.services:
        check = service.get("check") or {}
        # Two more for the question for its name, where nobody answers it.
        each = float(check.get("timeout") or 0) + 2
        longest = max(longest, float(check.get("interval") or 0) + each * len(service["real_servers"]))
    return 20 + round(longest)
