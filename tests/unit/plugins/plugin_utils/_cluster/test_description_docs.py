# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/description.md says what the code does: keys, defaults, limits, examples, messages."""

from __future__ import annotations

import contextlib
import re
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster import (
    answers,
    firewall,
    health,
    heartbeat,
    ldirectord,
    model,
    nat,
    notify,
    real_servers,
    schema,
    services,
    sync,
    vrrp,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, hosts_from_hostvars
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.mistakes import DescriptionError
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.schema import read_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.section import Section
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    REAL_SERVERS,
    description,
    service,
)

ROOT = Path(__file__).resolve().parents[5]
TEXT = (ROOT / "docs" / "description.md").read_text(encoding="utf-8")
#: The heading over each table of keys, and the path of what it describes.
TABLES = {
    "Top level": "",
    "`vrrp`": "vrrp",
    "`vrrp.instances[]`": "vrrp.instances[0]",
    "`connection_sync`": "connection_sync",
    "`notify`": "notify",
    "`notify.mail`": "notify.mail",
    "`heartbeat`": "heartbeat",
    "`heartbeat.links[]`": "heartbeat.links[0]",
    "`ldirectord`": "ldirectord",
    "`nat`": "nat",
    "`nat.mappings[]`": "nat.mappings[0]",
    "`firewall`": "firewall",
    "`firewall.accept[]`": "firewall.accept[0]",
    "`services[]`": "services[0]",
    "`services[].check`": "services[0].check",
    "`services[].check.urls[]`": "services[0].check.urls[0]",
    "`services[].real_servers[]`": "services[0].real_servers[0]",
}
#: Defaults that are no value of their own.
WORDS = {
    "required",
    "the defaults below",
    "that of the top level",
    "each client alone",
    "a check of type `tcp`",
    "nobody",
    "the service's port",
    "that of the inventory",
    "that of the service",
    "nothing",
    "none",
    "none; needed with one arm",
    "none; needed with `nat` and TCP port 21",
    "every protocol",
    "every port",
    "everywhere",
    "derived",
    "twice `syn_rate`",
    "needed with `gue`",
    "needed with `tcp`, `udp` and `sctp`",
    "chosen where one is needed, else none",
    "its ports",
    "true where there is a standby and no tunnel joins two families",
    "`false`; true with `instances`",
    "three and a bit",
    "the second director, for the next instance the third, and so on in turn",
    "that of VRRP",
    "`vrrp.router_id`",
    "`224.0.0.81`; `ff02::81` where directors speak VRRP by IPv6",
    "the kernel's choice, by the interface's MTU",
    "random bytes",
    "the real server's address",
    "the director's name",
    "half of `deadtime`",
    "30, or twice `deadtime` if that is more",
    "one of type `ucast`",
    "`ucast`: that of the address; needed with `bcast`",
    "those of the inventory",
    "needed with `serial`",
    "the sender's user at the director",
    "`false`; with ldirectord always true",
    "`false`; with ldirectord `true`",
    "none; needed with `mysql` and `pgsql`",
    "nothing; needed with `ftp`",
    "`/`; needed with `ftp`",
    "`.`; needed with ldirectord",
    "`SOA`; needed with ldirectord",
}
#: One description that has every kind of mapping.
WHOLE = description(
    service(check={"type": "http", "urls": [{"path": "/"}]}, real_servers=[{"host": "rs1"}]),
    vrrp={"router_id": 7, "instances": [{"name": "other", "router_id": 8, "vips": ["192.0.2.100"]}]},
    heartbeat={"links": [{"type": "bcast", "interface": "eth1"}]},
    ldirectord={"fork": True},
    connection_sync={"sync_id": 7},
    notify={"mail": {"to": "a@example.org"}},
    nat={"gateway": "192.0.2.10/24", "mappings": [{"external": "192.0.2.113", "internal": "192.0.2.21"}]},
    firewall={"accept": [{"ports": [161]}]},
)
#: What Ansible's facts say of a director of the examples.
FACTS = {
    "interfaces": ["eth0"],
    "eth0": {
        "ipv4": {"address": "192.0.2.11", "prefix": "24"},
        "ipv6": [{"address": "2001:db8:2::11", "prefix": "64"}],
    },
}


NAT = {"gateway": "192.0.2.10/24", "local_clients": "source_nat"}


class _Keys(t.NamedTuple):
    required: tuple[str, ...]
    optional: tuple[str, ...]
    later: tuple[str, ...]


def _section(heading: str) -> str:
    """The text under a heading, up to the next heading of any level."""
    parts = re.split(r"^#+ (.+)\n", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]


def _rows(heading: str) -> list[list[str]]:
    lines = [line for line in _section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _blocks(kind: str, text: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def _keys_of_the_schema() -> dict[str, _Keys]:
    seen: dict[str, _Keys] = {}

    class Recorder(Section):
        def __init__(self, mistakes: t.Any, path: str, value: object, **keys: t.Any) -> None:
            super().__init__(mistakes, path, value, **keys)
            seen[path] = _Keys(*(tuple(keys.get(kind, ())) for kind in _Keys._fields))

    with pytest.MonkeyPatch.context() as patch:
        rooms = (
            schema,
            services,
            real_servers,
            health,
            answers,
            nat,
            firewall,
            vrrp,
            sync,
            notify,
            heartbeat,
            ldirectord,
        )
        for module in rooms:
            patch.setattr(module, "Section", Recorder)
        with contextlib.suppress(DescriptionError):  # no VIP is left for the first instance
            read_cluster(WHOLE, DIRECTORS, REAL_SERVERS)
    return seen


KEYS = _keys_of_the_schema()
DOCUMENTED = {
    path: {
        row[0].strip("`"): dict(zip(("meaning", "default", "allowed"), row[1:], strict=True)) for row in _rows(heading)
    }
    for heading, path in TABLES.items()
}


def test_every_kind_of_mapping_has_a_table() -> None:
    assert set(KEYS) == set(TABLES.values())


@pytest.mark.parametrize("path", KEYS)
def test_a_table_has_exactly_the_keys_of_the_schema(path: str) -> None:
    assert set(DOCUMENTED[path]) == {*KEYS[path].required, *KEYS[path].optional}
    assert {key for key, said in DOCUMENTED[path].items() if said["default"] == "required"} == set(KEYS[path].required)


@pytest.mark.parametrize("key", sorted({key for keys in KEYS.values() for key in keys.later}))
def test_every_key_that_is_not_supported_yet_is_named(key: str) -> None:
    assert f"`{key}`" in _section("Not supported yet")


def _type_with(keys: dict[str, object]) -> str:
    """A type of check that has these keys."""
    own = {"record": "dns", "name": "dns", "require_reply": "udp", "payload": "udp"}
    return next((own[key] for key in keys if key in own), "http")


def _with(path: str, keys: dict[str, object]) -> object:
    """A description with ``keys`` in one of its mappings; ``check`` is of a type that has all keys."""
    nat = service(forwarding="nat")
    mapping = {"external": "192.0.2.113", "internal": "192.0.2.21"}
    tunnel = {"forwarding": "tunnel"} if any(key.startswith("tunnel_") for key in keys) else {}
    whole: dict[str, t.Callable[[], object]] = {
        "": lambda: description(**keys),
        "vrrp": lambda: description(vrrp={"router_id": model.DEFAULT_VRRP.router_id, **keys}),
        "heartbeat": lambda: description(heartbeat={"port": 694, **keys}),
        "heartbeat.links[0]": lambda: description(
            heartbeat={"links": [{"type": "serial", "device": "/dev/ttyS0", **keys}]}
        ),
        "ldirectord": lambda: description(ldirectord={**keys}, notify={"mail": {"to": "a@example.org"}}),
        "nat": lambda: description(nat, nat={**NAT, **keys}),
        "nat.mappings[0]": lambda: description(nat, nat={**NAT, "mappings": [{**mapping, **keys}]}),
        "firewall": lambda: description(firewall=keys),
        "firewall.accept[0]": lambda: description(firewall={"accept": [{"ports": [161], **keys}]}),
        "services[0]": lambda: description(service(**tunnel, **keys)),
        "vrrp.instances[0]": lambda: description(
            service(),
            service(name="two", vip="192.0.2.101"),
            vrrp={"instances": [{"name": "other", "router_id": 52, "vips": ["192.0.2.101"], **keys}]},
        ),
        "connection_sync": lambda: description(connection_sync=keys),
        "notify.mail": lambda: description(notify={"mail": {"to": "a@example.org", **keys}}),
        "services[0].check": lambda: description(
            service(check={"type": _type_with(keys), **keys}, protocol="udp" if _type_with(keys) == "udp" else "tcp")
        ),
        "services[0].check.urls[0]": lambda: description(
            service(check={"type": "http", "urls": [{"path": "/", **keys}]})
        ),
        "services[0].real_servers[0]": lambda: description(service(real_servers=[{"host": "rs1", **keys}, "rs2"])),
    }
    return whole[path]()


DEFAULTS = [
    (path, key, said["default"].strip("`"))
    for path, keys in DOCUMENTED.items()
    for key, said in keys.items()
    if said["default"] not in WORDS
]


@pytest.mark.parametrize(("path", "key", "default"), DEFAULTS)
def test_the_documented_default_is_what_a_key_that_is_left_out_means(path: str, key: str, default: str) -> None:
    hosts = DIRECTORS, REAL_SERVERS
    left_out = _with(path, {})
    if path.endswith("check") and key != "type":
        left_out = _with(path, {key: None})
    if key == "type":
        left_out = description()
    if key.startswith("tunnel_"):
        left_out = description(service(forwarding="tunnel"))
    if path == "" and key == "firewall":
        left_out = description()
    assert read_cluster(_with(path, {key: yaml.safe_load(default)}), *hosts) == read_cluster(left_out, *hosts)


@pytest.mark.parametrize(
    ("path", "key", "values"),
    [
        ("", "failover", model.FAILOVER),
        ("", "health_checks", model.HEALTH_CHECKS),
        ("", "forwarding", model.FORWARDING),
        ("heartbeat.links[0]", "type", model.LINK_TYPES),
        ("nat", "local_clients", model.LOCAL_CLIENTS),
        ("firewall.accept[0]", "protocol", model.ACCEPTED_PROTOCOLS),
        ("services[0]", "forwarding", model.FORWARDING),
        ("services[0]", "tunnel_type", model.TUNNEL_TYPES),
        ("services[0]", "tunnel_checksum", model.TUNNEL_CHECKSUMS),
        ("services[0]", "helper", model.HELPERS),
        ("services[0].real_servers[0]", "forwarding", model.FORWARDING),
        ("services[0].real_servers[0]", "tunnel_type", model.TUNNEL_TYPES),
        ("services[0].real_servers[0]", "tunnel_checksum", model.TUNNEL_CHECKSUMS),
        ("services[0]", "protocol", model.PROTOCOLS),
        ("services[0]", "scheduler", model.SCHEDULERS),
        ("services[0]", "scheduler_flags", (*model.NUMBERED_FLAGS, *sum(model.SCHEDULER_FLAGS.values(), ()))),
        ("services[0].check", "type", model.CHECK_TYPES),
        ("services[0].check", "record", model.DNS_TYPES),
    ],
)
def test_every_allowed_value_is_named(path: str, key: str, values: tuple[str, ...]) -> None:
    allowed = DOCUMENTED[path][key]["allowed"]
    assert [value for value in values if f"`{value}`" not in allowed] == []


@pytest.mark.parametrize(
    ("path", "key", "limits"),
    [
        ("", "failover", (2, model.MAX_DIRECTORS)),
        ("vrrp", "advert_interval", (model.MIN_ADVERT, model.MAX_ADVERT)),
        ("vrrp", "router_id", (1, 255)),
        ("vrrp", "down_timer_adverts", (1, model.MAX_DOWN_TIMER_ADVERTS)),
        ("vrrp.instances[0]", "router_id", (1, 255)),
        ("connection_sync", "sync_id", (1, 255)),
        ("connection_sync", "port", (1, 65535)),
        ("connection_sync", "ttl", (1, 255)),
        ("connection_sync", "max_length", (model.MIN_SYNC_LENGTH, model.MAX_SYNC_LENGTH)),
        ("notify.mail", "port", (1, 65535)),
        ("heartbeat", "keepalive", (0.1, 3600)),
        ("heartbeat", "deadtime", (0.1, 3600)),
        ("heartbeat", "port", (1, 65535)),
        ("ldirectord", "emailalertfreq", (0, 86400)),
        ("services[0]", "persistence", (0, model.MAX_PERSISTENCE)),
        ("services[0]", "fwmark", (1, model.MAX_FWMARK)),
        ("services[0]", "tunnel_port", (1, 65535)),
        ("firewall", "ssh_port", (1, 65535)),
        ("firewall", "syn_rate", (0, 10000)),
        ("firewall", "syn_burst", (1, 20000)),
        ("firewall", "log_rate", (0, 1000)),
        ("services[0].real_servers[0]", "upper_threshold", (0, model.MAX_THRESHOLD)),
        ("services[0].real_servers[0]", "lower_threshold", (0, model.MAX_THRESHOLD)),
        ("services[0].check", "interval", (0.1, 3600)),
        ("services[0].check", "timeout", (0.1, 3600)),
        ("services[0].check", "retries", (0, 100)),
        ("services[0].check", "status", (100, 599)),
        ("services[0].real_servers[0]", "weight", (0, model.MAX_WEIGHT)),
    ],
)
def test_limits_are_named(path: str, key: str, limits: tuple[float, float]) -> None:
    low, high = limits
    assert f"{low} to {high}" in DOCUMENTED[path][key]["allowed"]
    if key != "failover":
        for outside in (low - 1, high + 1):
            with pytest.raises(DescriptionError):
                read_cluster(_with(path, {key: outside}), DIRECTORS, REAL_SERVERS)


def _names(inventory: t.Any, group: str) -> list[str]:
    return list(inventory["all"]["children"][group]["hosts"])


def _hosts(inventory: t.Any, group: str) -> list[Host]:
    variables = {name: dict(given or {}) for name, given in inventory["all"]["children"][group]["hosts"].items()}
    for given in variables.values():
        given["ansible_facts"] = FACTS
    return hosts_from_hostvars(list(variables), variables, with_interfaces=group == "directors")


EXAMPLES = [yaml.safe_load(block) for block in _blocks("yaml", TEXT[: TEXT.index("\n## Mistakes\n")])]


def test_there_are_three_examples() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("inventory", EXAMPLES)
def test_an_example_compiles_without_a_mistake(inventory: t.Any) -> None:
    described = inventory["all"]["vars"]["lvs_cluster"]
    plans = compile_cluster(described, _hosts(inventory, "directors"), _hosts(inventory, "real_servers"))
    assert list(plans) == [name for group in ("directors", "real_servers") for name in _names(inventory, group)]


def test_the_sample_message_is_what_the_sample_description_gets() -> None:
    section = _section("Mistakes")
    (faulty,) = _blocks("yaml", section)
    (printed,) = _blocks("text", section)
    inventory = EXAMPLES[-1]
    with pytest.raises(DescriptionError) as raised:
        compile_cluster(
            yaml.safe_load(faulty)["lvs_cluster"], _hosts(inventory, "directors"), _hosts(inventory, "real_servers")
        )
    assert printed.endswith("\n".join(raised.value.lines()) + "\n")
