# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/legacy.md and docs/legacy-stacks.md name only what there is, and every key of piranha's file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.test_description_docs import KEYS

ROOT = Path(__file__).resolve().parents[5]
DOCS = ROOT / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("legacy.md", "legacy-stacks.md")}
#: Keys that piranha's programs read in lvs.cf, by where they stand.
PULSE = """
    serial_no primary primary_private service rsh_command backup_active backup backup_private heartbeat heartbeat_port
    keepalive deadtime hard_shutdown monitor_links syncdaemon syncd_iface syncd_id debug_level tcp_timeout
    tcpfin_timeout udp_timeout network nat_router nat_nmask virtual active address vip_nmask port protocol fwmark
    scheduler persistent pmask load_monitor timeout reentry quiesce_server send expect use_regex send_program
    sorry_server server weight
"""
#: Host variables and variables of a run, which no schema has.
VARIABLES = {"lvs_heartbeat_secret", "lvs_interface", "lvs_address"}


def _cells(text: str, column: int) -> list[str]:
    """One column of all tables of a page, without their heads; a bar in code is no border."""
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return [row[column] for row in rows if not set(row[0]) <= {"-"} and row[-1] != "here"]


def _options_of_modules() -> dict[str, dict[str, object]]:
    found = {}
    for path in (ROOT / "plugins/modules").glob("*.py"):
        document = re.search(
            r'^DOCUMENTATION = r"""\n(.*?)^"""$', path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
        assert document, path
        found[path.stem] = yaml.safe_load(document.group(1)).get("options") or {}
    # A module in PowerShell has its documentation beside it.
    for path in (ROOT / "plugins/modules").glob("*.yml"):
        found[path.stem] = yaml.safe_load(path.read_text(encoding="utf-8"))["DOCUMENTATION"].get("options") or {}
    return found


MODULES = _options_of_modules()


def _is_there(word: str) -> bool:
    """Whether this is a key of the description, by its path, with an allowed value, or a module or its option."""
    name, _colon, value = word.partition(": ")
    path, _dot, key = name.replace("[]", "[0]").rpartition(".")
    if path in KEYS and key in (*KEYS[path].required, *KEYS[path].optional):
        return not value or f"`{value}`" in (DOCS / "description.md").read_text(encoding="utf-8")
    of_modules = [options[name] for options in MODULES.values() if name in options]
    if value:
        return any(value in option.get("choices", ()) for option in of_modules if isinstance(option, dict))
    choices = {choice for option in MODULES["arp_hide"].values() for choice in option.get("choices", ())}  # type: ignore[attr-defined]
    return bool(of_modules) or word in MODULES or word in VARIABLES or word in choices or word == "lo"


WORDS = sorted({word for cell in _cells(PAGES["legacy.md"], -1) for word in re.findall(r"`([^`]+)`", cell)})


def test_options_are_found_where_they_are() -> None:
    assert len(WORDS) > 15
    assert _is_there("services[].check")
    assert not _is_there("services[].checks")
    assert _is_there("method: loopback")
    assert not _is_there("method: hidden")
    assert not _is_there("failover: pulse")


@pytest.mark.parametrize("word", WORDS)
def test_each_option_that_the_page_names_is_there(word: str) -> None:
    assert _is_there(word)


@pytest.mark.parametrize("key", PULSE.split())
def test_every_key_of_lvs_cf_has_a_row(key: str) -> None:
    section = PAGES["legacy-stacks.md"].partition("lvs.cf` (piranha")[2]
    said = " ".join(re.findall(r"`([^`]+)`", " ".join(_cells(section, 0))))
    assert re.search(rf"\b{key}\b", said)


@pytest.mark.parametrize("page", PAGES)
def test_each_page_that_is_linked_to_is_there(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#([^)]+))?\)", PAGES[page])
    for target, part in links:
        text = (DOCS / target).read_text(encoding="utf-8")
        headings = {
            re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
            for line in re.findall(r"^#+ .+$", text, re.MULTILINE)
        }
        assert not part or part in headings, (target, part)
