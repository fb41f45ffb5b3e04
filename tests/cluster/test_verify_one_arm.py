# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break the example nat-one-arm by hand: verify names each fault, with host, cause and remedy, and nobody else."""

from __future__ import annotations

from faults import all_broken, assert_named, broken, findings, variant, without_clients

TRANSLATIONS = "iptables-save -t nat >/run/nat && iptables -t nat -F POSTROUTING"


def test_redirects_lost_translations_and_a_client_beside_the_real_servers_are_named(tmp_path):
    redirects = "net.ipv4.conf.all.send_redirects"
    inventory = variant(
        tmp_path,
        inventory=without_clients,
        description=lambda text: text.replace("local_clients: source_nat", "local_clients: refused"),
    )
    with broken("lb1", TRANSLATIONS, "iptables-restore -T nat </run/nat"):
        with all_broken(("lb1", f"sysctl -qw {redirects}=1", f"sysctl -qw {redirects}=0")):
            found = findings()
        # The packets come from the lab's own address beside the machines.
        found_beside = findings(inventory, inside=True)
    assert_named(
        found,
        ("lb1", f"{redirects} is 1 instead of 0 (the larger of all and the interface counts)"),
        ("lb1", "Its address translations are not as described"),
    )
    assert_named(found_beside, ("localhost", "It is on the network of rs1 and rs2 (192.0.2.0/24)"))
