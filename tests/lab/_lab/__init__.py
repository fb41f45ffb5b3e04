# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `tests/lab/lab` is made of: scenario (pure), image, network, machine, supervisor, ssh, cli."""
