# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Options and requirements of the modules that own a set of packet rules, said once."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  backend:
    description:
      - V(nftables) needs C(nft) 0.9.4 and Linux 5.6.
      - V(iptables) takes the host's C(iptables) and C(ip6tables), and C(iptables-legacy) where the kernel does not take
        what the former writes.
      - V(auto) takes nftables when C(nft) is there and the kernel takes the rules, and else iptables.
      - The other back end is left without rules of this module.
    type: str
    choices: [auto, nftables, iptables]
    default: auto
  state:
    description: V(absent) removes all rules of this module.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - nftables or iptables on the managed host, see O(backend), and C(unshare) (util-linux).
  - root on the managed host (the capabilities C(CAP_NET_ADMIN) and C(CAP_SYS_ADMIN)).
notes:
  - It works in the network namespace that it runs in. Two tasks at once on one host do not get into each other's way.
"""
