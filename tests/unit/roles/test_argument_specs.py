# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role says its inputs twice, for Ansible (defaults) and for people (argument specs): both must say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = sorted(path for path in (Path(__file__).parents[3] / "roles").iterdir() if path.is_dir())


def _yaml(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict), f"{path} holds no mapping"
    return content


def _options(role: Path) -> dict[str, dict[str, Any]]:
    options = _yaml(role / "meta" / "argument_specs.yml")["argument_specs"]["main"].get("options", {})
    assert isinstance(options, dict)
    return options


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_argument_spec_has_the_same_defaults_as_the_role(role: Path) -> None:
    spoken = {name: option["default"] for name, option in _options(role).items() if "default" in option}
    assert spoken == _yaml(role / "defaults" / "main.yml")


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_an_input_without_default_is_required(role: Path) -> None:
    undecided = [name for name, option in _options(role).items() if "default" not in option]
    assert [name for name in undecided if not _options(role)[name].get("required")] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_mapping_that_may_be_empty_requires_nothing_in_it(role: Path) -> None:
    may_be_empty = {name: option for name, option in _options(role).items() if option.get("default") == {}}
    assert [
        f"{name}.{key}"
        for name, option in may_be_empty.items()
        for key, inner in option.get("options", {}).items()
        if inner.get("required")
    ] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_inputs_start_with_the_name_of_the_role(role: Path) -> None:
    assert [name for name in _options(role) if not re.match(rf"{role.name}_\w", name)] == []


def test_there_are_roles_to_check() -> None:
    assert ROLES
