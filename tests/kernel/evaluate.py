# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluates the expressions in a value as a playbook would: JSON [value, variables] in, JSON out."""

from __future__ import annotations

import json
import sys
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template


def trusted(value: Any) -> Any:
    """The value with every text in it marked as a template, as the tasks of a playbook are."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, list):
        return [trusted(each) for each in value]
    if isinstance(value, dict):
        return {key: trusted(each) for key, each in value.items()}
    return value


def main() -> None:
    value, variables = json.load(sys.stdin)
    print(json.dumps(Templar(loader=DataLoader(), variables=variables).template(trusted(value))))


if __name__ == "__main__":
    main()
