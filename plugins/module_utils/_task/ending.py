# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""How a module ends: with results, or with one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._task.error import TaskError

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def end(
    module: AnsibleModule,
    results: Callable[[], Mapping[str, Any]],
    *,
    needs_root: str,
    not_permitted: tuple[type[Exception], ...] = (PermissionError,),
) -> None:
    """Ends the module with results, or with the sentence of an error: the one place where errors meet Ansible.

    ``needs_root`` is the sentence where ``not_permitted`` is raised.
    """
    try:
        found = results()
    except not_permitted:
        module.fail_json(msg=needs_root)
    except TaskError as error:
        module.fail_json(msg=str(error), **error.results)
    else:
        module.exit_json(**found)


def first_named(commands: Sequence[str], most: int) -> str:
    """The first commands as a part of a sentence, and how many more there are."""
    more = f" and {len(commands) - most} more" if len(commands) > most else ""
    return "; ".join(commands[:most]) + more


def clause(said: str) -> str:
    """The first line of what a program said, as a part of a sentence."""
    lines = said.strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else ""
