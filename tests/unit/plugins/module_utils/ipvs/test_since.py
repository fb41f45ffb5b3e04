# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kernel something needs, and what is said when the running one is too old."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.lvs.cluster.plugins.doc_fragments.ipvs import ModuleDocFragment
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    SCHEDULER_FLAGS,
    SCHEDULERS,
    TUNNEL_CHECKSUMS,
    TUNNEL_TYPES,
    Destination,
    Service,
    service_key,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.since import SINCE, Since, needed_kernel, too_old

MODULES = Path(__file__).parents[5] / "plugins" / "modules"
WEB = service_key(address="192.0.2.100", port=80)
MARK = service_key(fwmark=5, family="ipv6")
PLAIN = Destination("192.0.2.21", 80, forwarding="tunnel", tunnel_type="ipip")
GUE = Destination("192.0.2.21", 80, forwarding="tunnel", tunnel_type="gue", tunnel_port=5555)
GUE_CHECKED = Destination(
    "192.0.2.21", 80, forwarding="tunnel", tunnel_type="gue", tunnel_port=5555, tunnel_checksum="remote"
)
GRE = Destination("2001:db8:2::21", 80, forwarding="tunnel", tunnel_type="gre")


@pytest.mark.parametrize(
    ("value", "needed"),
    [
        (Service(WEB), []),
        (Service(WEB, scheduler="mh", scheduler_flags=("mh-port",)), []),
        (Service(WEB, scheduler="twos"), [("scheduler twos", "5.12")]),
        (Service(MARK, scheduler="sh", scheduler_flags=("flag-3",), persistence=1, persistence_engine="sip"), []),
        (Destination("192.0.2.21", 80, weight=70000, upper_threshold=7), []),
        (PLAIN, []),
        (GUE, [("tunnel type gue", "5.2")]),
        (GUE_CHECKED, [("tunnel type gue", "5.2"), ("tunnel checksum remote", "5.3")]),
        (GRE, [("tunnel type gre", "5.3")]),
    ],
)
def test_what_a_newer_kernel_is_needed_for_is_named(
    value: Service | Destination, needed: list[tuple[str, str]]
) -> None:
    assert needed_kernel(value) == needed


@pytest.mark.parametrize(
    ("wanted", "found", "release", "begins"),
    [
        (GUE, PLAIN, "4.19.0", "Tunnel type gue of 192.0.2.21:80 {} needs Linux 5.2"),
        (
            GUE_CHECKED,
            PLAIN,
            "4.18.0-80.el8",
            "Tunnel type gue and tunnel checksum remote of 192.0.2.21:80 {} need Linux 5.3",
        ),
        (GUE_CHECKED, GUE, "5.2.21", "Tunnel checksum remote of 192.0.2.21:80 {} needs Linux 5.3"),
        (GRE, None, "5.2", "Tunnel type gre of [2001:db8:2::21]:80 {} needs Linux 5.3"),
    ],
)
def test_kernel_that_is_too_old_is_said_so(
    wanted: Destination, found: Destination | None, release: str, begins: str
) -> None:
    sentence = f"{begins.format('in service tcp/192.0.2.100:80')} or newer; this host runs {release}."
    assert too_old(wanted, found, release, service=WEB) == sentence


@pytest.mark.parametrize(
    ("wanted", "found", "release"),
    [
        pytest.param(GRE, PLAIN, "5.10.0-30-amd64", id="new enough: 5.10 is newer than 5.3"),
        pytest.param(GUE, PLAIN, "5.2.0", id="new enough to the number"),
        pytest.param(GUE, GUE, "4.19.0", id="the older kernel holds it: a distribution's own"),
        pytest.param(
            Destination("192.0.2.21", 80, weight=5), Destination("192.0.2.21", 80), "4.19.0", id="old as IPVS"
        ),
        pytest.param(GUE, PLAIN, "next-tree", id="a release without numbers says nothing"),
    ],
)
def test_kernel_that_is_not_the_reason_is_not_blamed(
    wanted: Destination, found: Destination | None, release: str
) -> None:
    assert too_old(wanted, found, release, service=WEB) is None


def test_scheduler_that_is_not_to_be_had_may_be_too_new() -> None:
    twos = Service(WEB, scheduler="twos")
    sentence = "Scheduler twos of service tcp/192.0.2.100:80 needs Linux 5.12 or newer; this host runs 5.10.0-30-amd64."
    assert too_old(twos, None, "5.10.0-30-amd64") == sentence
    assert too_old(twos, Service(WEB), "5.10.0-30-amd64") == sentence
    assert too_old(twos, None, "6.1.0-37-amd64") is None


def test_the_table_speaks_of_values_that_exist() -> None:
    choices: dict[str, tuple[str, ...]] = {
        "scheduler": SCHEDULERS,
        "scheduler_flags": SCHEDULER_FLAGS,
        "tunnel_type": TUNNEL_TYPES,
        "tunnel_checksum": TUNNEL_CHECKSUMS,
    }
    for option, value in SINCE:
        assert value in choices.get(option, (value,))
    # Every flag is somewhere, because no flag is as old as the rest.
    assert {value for option, value in SINCE if option == "scheduler_flags"} == set(SCHEDULER_FLAGS)


def documented() -> dict[str, str]:
    """The text of each option, of the modules that the table is about."""
    fragment: dict[str, dict[str, Any]] = yaml.safe_load(ModuleDocFragment.SERVICE_KEY)["options"]
    texts = {option: str(about["description"]) for option, about in fragment.items()}
    for name in ("ipvs_service", "ipvs_dest", "ipvs_sync"):
        source = (MODULES / f"{name}.py").read_text(encoding="utf-8")
        found = re.search(r'^DOCUMENTATION = r"""\n(.*?)^"""', source, re.DOTALL | re.MULTILINE)
        assert found
        options: dict[str, dict[str, Any]] = yaml.safe_load(found.group(1))["options"]
        texts.update((option, str(about["description"])) for option, about in options.items())
    return texts


@pytest.mark.parametrize(("about", "since"), SINCE.items())
def test_the_documentation_says_which_kernel_and_which_ipvsadm(about: tuple[str, str], since: Since) -> None:
    texts = documented()
    if about == ("family", "ipv6"):
        return  # as old as everything else by now
    # A destination of another family is said where the forwarding is that it needs.
    option = "forwarding" if about == ("destination", "other family") else about[0]
    assert re.search(rf"Linux .*\b{re.escape(since.kernel)}\b", texts[option]), texts[option]
    if since.ipvsadm:
        assert re.search(rf"\b{re.escape(since.ipvsadm)}\b", texts[option]), texts[option]
