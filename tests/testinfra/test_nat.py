# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes out of and into the real servers' network beside the services. The client of the lab has a web service and
a mail server of its own, which say who they were asked by."""

from __future__ import annotations

from described import Example

CURL = "curl --silent --show-error --fail --max-time 10"


def seen_by_web(host, address: str) -> str:
    return host.check_output(f"{CURL} http://{address}/connection").split()[3]


def greeting(host, address: str) -> tuple[str, str]:
    """Who greets on the mail port, and whom he sees."""
    lines = host.check_output(f"printf 'EHLO test\\r\\nQUIT\\r\\n' | nc -w 5 {address} 25").splitlines()
    return lines[0].split()[1], lines[1].split()[-1]


def masked_as(example: Example, host: str, active: str, *, port: int) -> str:
    """The address under which a real server's own connections to that port are seen outside."""
    for mapping in example.mappings:
        if example.host_of(mapping.internal) == host and (not mapping.ports or port in mapping.ports):
            return mapping.external
    return example.address(active, "ipv4")


def test_what_real_servers_ask_for_is_masqueraded_or_mapped(masqueraded, machine, example, active):
    outside = example.address(example.client, "ipv4")
    host = machine(masqueraded)
    assert seen_by_web(host, outside) == masked_as(example, masqueraded, active, port=80)


def test_mail_goes_out_under_the_mapped_address(mapping, machine, example):
    outside = example.address(example.client, "ipv4")
    sender = machine(example.host_of(mapping.internal))
    assert greeting(sender, outside) == (example.client, mapping.external)


def test_mail_for_the_mapped_address_comes_in_from_who_sent_it(mapping, client, example):
    assert greeting(client, mapping.external) == (
        example.host_of(mapping.internal),
        example.address(example.client, "ipv4"),
    )


def test_a_mapping_lets_in_its_own_ports_only(mapping, client, example):
    asked = client.run(f"{CURL} http://{mapping.external}:8080/")
    assert (asked.rc == 0) == (not mapping.ports)
    if not mapping.ports:
        assert asked.stdout.strip() == example.host_of(mapping.internal)
