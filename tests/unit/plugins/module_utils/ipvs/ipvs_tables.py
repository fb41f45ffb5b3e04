# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables that a kernel would take, for properties: few keys, so that two tables have much in common."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    SCHEDULERS,
    Destination,
    Service,
    ServiceKey,
    Table,
    destination_key,
    family_of,
    merged_destination,
    merged_service,
    service_key,
)

_VIPS = ("192.0.2.100", "198.51.100.7", "2001:db8:2::100")
_REAL_SERVERS = ("192.0.2.21", "192.0.2.22", "2001:db8:2::21", "2001:db8:2::22")
# What the kernel of the harness has.
_SCHEDULERS = tuple(name for name in SCHEDULERS if name != "twos")
_FLAGS = {"sh": ("sh-fallback", "sh-port", "flag-3"), "mh": ("mh-fallback", "mh-port", "flag-3")}

service_keys = st.one_of(
    st.builds(
        service_key,
        address=st.sampled_from(_VIPS),
        port=st.sampled_from((0, 80, 443)),
        protocol=st.sampled_from(("tcp", "udp", "sctp")),
    ),
    st.builds(service_key, fwmark=st.sampled_from((1, 2, 2147483647)), family=st.sampled_from(("ipv4", "ipv6"))),
)


@st.composite
def services(draw: st.DrawFn, key: ServiceKey) -> Service:
    scheduler = draw(st.sampled_from(_SCHEDULERS))
    given: dict[str, Any] = {
        "scheduler": scheduler,
        "scheduler_flags": draw(st.lists(st.sampled_from(_FLAGS.get(scheduler, ("flag-1", "flag-2", "flag-3"))))),
        "persistence": draw(st.sampled_from((1, 300, 2678400) if key.port == 0 else (0, 1, 300, 2678400))),
    }
    if given["persistence"]:
        masks = ("1", "24", "255.255.0.0", "32") if key.family == "ipv4" else ("1", "64", "128")
        given["persistence_netmask"] = draw(st.sampled_from(masks))
        given["persistence_engine"] = draw(st.sampled_from(("none", "sip")))
    if key.protocol in (None, "udp"):
        given["one_packet"] = draw(st.booleans())
    return merged_service(key, None, given)


@st.composite
def destinations(draw: st.DrawFn, key: ServiceKey) -> Destination:
    address = draw(st.sampled_from(_REAL_SERVERS))
    same_family = family_of(address) == key.family
    forwarding = draw(st.sampled_from(("direct", "nat", "tunnel") if same_family else ("tunnel",)))
    upper = draw(st.sampled_from((0, 10, 2147483647)))  # the most that ipvsadm takes
    given: dict[str, Any] = {
        "forwarding": forwarding,
        "weight": draw(st.sampled_from((0, 1, 7, 65536))),
        "upper_threshold": upper,
        "lower_threshold": draw(st.sampled_from((0, 5, upper) if upper else (0,))),
    }
    if forwarding == "tunnel":
        given["tunnel_type"] = draw(st.sampled_from(("ipip", "gue", "gre")))
        given["tunnel_checksum"] = draw(
            st.sampled_from(
                {"ipip": ("none",), "gue": ("none", "standard", "remote"), "gre": ("none", "standard")}[
                    given["tunnel_type"]
                ]
            )
        )
        if given["tunnel_type"] == "gue":
            given["tunnel_port"] = draw(st.sampled_from((1, 5555, 65535)))
    port = draw(st.sampled_from((None, 8080))) if forwarding == "nat" else None
    return merged_destination(key, destination_key(key, destination=address, destination_port=port), None, given)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    keys = draw(st.lists(service_keys, unique=True, max_size=6))
    return Table(
        {key: draw(services(key)) for key in keys},
        {key: {each.key: each for each in draw(st.lists(destinations(key), max_size=5))} for key in keys},
    )
