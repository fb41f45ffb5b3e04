# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""FTP through the cluster with curl as client and vsftpd as server: dialogue and data connection go together."""

from __future__ import annotations

import pytest
from test_packets import more_addresses

CURL = "curl --silent --show-error --fail --max-time 20"


@pytest.mark.parametrize(
    "way", ["--ftp-pasv", "--ftp-pasv --disable-epsv", "--ftp-port -", "--ftp-port - --disable-eprt"]
)
def test_files_come_whole_from_every_real_server(ftp, client, way):
    vip = ftp.vips[0]
    got = set()
    with more_addresses(client, vip, 2 * len(ftp.names)) as sources:
        for source in sources:
            bound = f"--interface {source}" if "--ftp-port" not in way else way.replace("-port -", f"-port {source}")
            way_of_this = f"{way} {bound}" if "--ftp-port" not in way else f"{bound} --interface {source}"
            # Both files in one dialogue, so that each dialogue is one connection to balance.
            said = client.check_output(
                f"{CURL} {way_of_this} --output /dev/null --write-out '%{{size_download}} ' ftp://{vip}/data ftp://{vip}/name"
            )
            size, name = said.split()[:2]
            assert size == "100000"
            got.add(name)
    assert got == ftp.names


def test_the_server_names_the_vip_for_passive_connections(ftp, client):
    vip = ftp.vips[0]
    said = client.check_output(f"{CURL} --verbose --disable-epsv ftp://{vip}/name 2>&1")
    assert f"227 Entering Passive Mode ({vip.replace('.', ',')}," in said


def test_the_real_server_sees_the_client(ftp, client, machine, example):
    name = client.check_output(f"{CURL} ftp://{ftp.vips[0]}/name")
    logged = machine(name).check_output("tail -n 3 /var/log/vsftpd.log")
    assert f'"::ffff:{example.address(example.client, "ipv4")}"' in logged
