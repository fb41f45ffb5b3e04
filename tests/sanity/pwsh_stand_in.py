# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers the one question that ansible-test has for pwsh, where there is none: which options does a module take?

It reads them from the script by a grammar. The answer is what pwsh would give, because the module writes them out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "windows"))

import grammar

#: Usage: pwsh .../ps_argspec.ps1 '{"module_path": "..."}'
ARGUMENTS = sys.argv[1:]

if len(ARGUMENTS) != 2 or Path(ARGUMENTS[0]).name != "ps_argspec.ps1":
    sys.exit("This machine has no PowerShell. The stand-in knows ps_argspec.ps1 of ansible-test only.")
print(json.dumps(grammar.assigned(grammar.tree(Path(json.loads(ARGUMENTS[1])["module_path"])), "$spec")))
