# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What every module says about itself, said once."""

from __future__ import annotations


class ModuleDocFragment:
    # For every module.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
  diff_mode:
    description: Returns what has changed (or in C(check_mode) would change), when in diff mode.
  platform:
    description: Target OS and families that can be operated against.
"""

    # Beside the above, for a module that changes something.
    CHANGES = r"""
options: {}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
"""

    # Beside the above, for a module that only looks.
    LOOKS = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This action does not modify state.
  diff_mode:
    support: N/A
    details:
      - This action does not modify state.
"""

    LINUX = r"""
options: {}
attributes:
  platform:
    support: full
    platforms: linux
"""

    WINDOWS = r"""
options: {}
attributes:
  platform:
    support: full
    platforms: windows
"""

    ACTIONGROUP_IPVS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/lvs.cluster.ipvs) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - lvs.cluster.ipvs
"""
