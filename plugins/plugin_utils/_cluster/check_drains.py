# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real servers that are drained: meant so, and not to be forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from .drain_files import drain_name
from .finding import Finding
from .mistakes import listed
from .view import View


def check_drains(view: View) -> Iterator[Finding]:
    """Each drained real server once, and once for each director that does not know of it."""
    drained: dict[str, dict[str, set[str]]] = {}
    for service in view.services:
        for entry in service["real_servers"]:
            name = drain_name(service["name"], entry["host"])
            on = {director.name for director in view.looked_at_directors if name in director.drains}
            if on:
                drained.setdefault(entry["host"], {})[service["name"]] = on
    for host, services in drained.items():
        yield Finding(
            host,
            f"It is drained in {listed(services, 'and')}.",
            "Somebody ran drain.yml, and undrain.yml has not been run since: site.yml, reloads and reboots keep that.",
            f"When it is ready to serve, run undrain.yml with lvs_real_server={host}.",
        )
        for director in view.looked_at_directors:
            without = [name for name, on in services.items() if director.name not in on]
            if without:
                yield Finding(
                    director.name,
                    f"It does not know that {host} is drained in {listed(without, 'and')}, "
                    "and would send new connections to it.",
                    "It could not be reached or was left out when drain.yml was run, or its files were removed.",
                    f"Run drain.yml or undrain.yml with lvs_real_server={host}.",
                )
