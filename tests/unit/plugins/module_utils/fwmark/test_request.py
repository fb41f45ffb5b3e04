# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From options to rules, or to every mistake at once."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import Rule, Rules
from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.request import read_request
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.desired import MistakesError

A, B, SIX = "192.0.2.100", "192.0.2.101", "2001:db8:2::100"
OPTIONS = {"mark": None, "address": None, "protocol": None, "ports": None}
PRESENT = (
    Rule(5, A, "tcp", ((80, 80), (443, 443))),
    Rule(5, A, "udp", ((53, 53),)),
    Rule(5, SIX, "tcp"),
    Rule(6, B, "tcp", ((1000, 2000),)),
)


def desired(present: Rules, **given: Any) -> Rules:
    parameters = {**OPTIONS, "marks": None, "purge": False, "state": "present", **given}
    if parameters["marks"] is not None:
        parameters["marks"] = [{**OPTIONS, **each} for each in parameters["marks"]]
    return read_request(parameters).desired(present)


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        ({"mark": 7, "address": A, "ports": ["90"]}, (*PRESENT, Rule(7, A, "tcp", ((90, 90),)))),
        ({"mark": 7, "address": " 2001:DB8:0::9 "}, (*PRESENT, Rule(7, "2001:db8::9", "tcp"))),
        (
            {"mark": 5, "address": A, "ports": ["81", "80", "90:100", "95-110"]},
            (Rule(5, A, "tcp", ((80, 81), (90, 110))), *PRESENT[1:]),
        ),
        ({"mark": 5, "address": A, "protocol": "udp"}, (PRESENT[0], Rule(5, A, "udp"), *PRESENT[2:])),
        # Packets go from one mark to the other when both are described.
        (
            {"marks": [{"mark": 5, "address": A, "ports": ["80"]}, {"mark": 6, "address": A, "ports": ["443"]}]},
            (
                Rule(5, A, "tcp", ((80, 80),)),
                *PRESENT[1:3],
                Rule(6, A, "tcp", ((443, 443),)),
                PRESENT[3],
            ),
        ),
        ({"marks": [{"mark": 9, "address": A}], "purge": True}, (Rule(9, A, "tcp"),)),
        ({"marks": [], "purge": True}, ()),
        ({"marks": []}, PRESENT),
        ({"mark": 5, "state": "absent"}, PRESENT[3:]),
        ({"mark": 5, "address": A, "state": "absent"}, PRESENT[2:]),
        ({"mark": 5, "protocol": "tcp", "state": "absent"}, (PRESENT[1], PRESENT[3])),
        (
            {"mark": 5, "address": A, "ports": ["443"], "state": "absent"},
            (PRESENT[0]._replace(ports=((80, 80),)), *PRESENT[1:]),
        ),
        (
            {"mark": 6, "ports": ["1500:1600"], "state": "absent"},
            (*PRESENT[:3], Rule(6, B, "tcp", ((1000, 1499), (1601, 2000)))),
        ),
        ({"mark": 9, "state": "absent"}, PRESENT),
        ({"marks": [{"mark": 5}, {"mark": 6}], "state": "absent"}, ()),
        ({"mark": 9, "address": B, "ports": ["0:65535"], "protocol": "sctp"}, (*PRESENT, Rule(9, B, "sctp"))),
    ],
)
def test_rules_that_shall_be(given: dict[str, Any], rules: Rules) -> None:
    assert desired(PRESENT, **given) == rules


@pytest.mark.parametrize(
    ("given", "sentences"),
    [
        ({"mark": 0, "address": A}, ["The mark must be 1 or more, got 0."]),
        ({"mark": 2**32, "address": A}, ["The mark must be at most 4294967295, got 4294967296."]),
        ({"mark": 5}, ["The address of mark 5 is missing. Give the VIP that clients use."]),
        ({"mark": 5, "address": "web"}, ["The address of mark 5 must be an IPv4 or IPv6 address, got 'web'."]),
        (
            {"mark": 5, "address": "224.0.0.1"},
            ["The address of mark 5 must be a VIP, the address of one machine, got 224.0.0.1."],
        ),
        (
            {"mark": 5, "address": "::ffff:192.0.2.1"},
            ["The address of mark 5 must be a VIP, the address of one machine, got ::ffff:"],
        ),
        ({"mark": 5, "address": A, "ports": []}, ["The list of ports of mark 5 is empty."]),
        ({"mark": 5, "address": A, "ports": ["0"]}, ["Port 0 of mark 5 does not stand for all ports here."]),
        (
            {"mark": 5, "address": A, "ports": ["http", "9:8", "65536", "1:2:3", ""]},
            [f"the lower one first, got {text!r}." for text in ("http", "9:8", "65536", "1:2:3", "")],
        ),
        ({"mark": 5, "address": A, "purge": True}, ["purge: It needs marks"]),
        ({"marks": [], "purge": True, "state": "absent"}, ["purge: It says that nothing is to stay beside marks"]),
        (
            {"mark": 7, "address": A, "ports": ["440:450"]},
            [
                "Port 443 of tcp/192.0.2.100 cannot have mark 7: on this host mark 5 has it already. Take it from",
            ],
        ),
        (
            {
                "marks": [
                    {"mark": 7, "address": A, "ports": ["90", "1000:2000"]},
                    {"mark": 0, "address": "nowhere"},
                    {"mark": 8, "address": A, "ports": ["80", "1500:3000", "x"]},
                    {"mark": 8, "address": A, "ports": ["80", "1500:3000"]},
                    {"mark": 7, "address": A, "ports": ["91"]},
                ]
            },
            [
                "marks[1]: The mark must be 1 or more, got 0.",
                "marks[1]: The address of mark 0 must be an IPv4 or IPv6 address, got 'nowhere'.",
                "marks[2]: A port of mark 8 must be a number",
                "marks[4]: tcp/192.0.2.100 with mark 7 is described already, as marks[0]. Make one of the two.",
                "marks[3]: Port 80 of tcp/192.0.2.100 cannot have mark 8: on this host mark 5 has it already.",
                "marks[3]: Ports 1500:2000 of tcp/192.0.2.100 cannot have mark 8: marks[0] gives it mark 7,",
            ],
        ),
    ],
)
def test_mistakes_come_all_at_once(given: dict[str, Any], sentences: list[str]) -> None:
    with pytest.raises(MistakesError) as caught:
        desired(PRESENT, **given)
    assert len(caught.value.mistakes) == len(sentences)
    for mistake, sentence in zip(caught.value.mistakes, sentences, strict=True):
        assert sentence in mistake
