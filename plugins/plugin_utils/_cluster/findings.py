# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is not as described, found by comparing the plans with what was seen: one finding for each cause.

A fault shows in many places: a stopped keepalived empties its table, moves its VIPs and may fail connections. So checks
run from causes to consequences, and each looks at what is found already: a consequence of a known cause is no finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .check_directors import (
    check_daemon,
    check_kernel_modules,
    check_shared_files,
    check_sysctls,
    check_table_unit,
    check_unreachable_hosts,
    check_vip_holders,
    check_vip_places,
)
from .check_drains import check_drains
from .check_filters import check_strict_keepalived, check_tunnel_filters, check_vip_filters, check_vrrp_filters
from .check_gateways import (
    check_default_gateways,
    check_gateway_neighbours,
    check_local_clients,
    check_segments,
    check_ways_out,
)
from .check_packets import (
    check_cached_neighbours,
    check_connections,
    check_neighbours,
    check_probe,
    check_prober,
    check_shares,
)
from .check_real_servers import check_arp_hiding, check_balancing, check_hidden_vips, check_listeners
from .check_rules import check_compared, check_rules_at_boot
from .check_sync import check_sync_daemons, check_sync_filters
from .check_tables import check_table_at_boot, check_tables
from .check_tunnels import check_tunnel_arrivals, check_tunnels
from .finding import Finding, Found
from .observed import Values
from .view import View

#: What is wrong in itself.
CAUSES: tuple[Callable[[View], Iterator[Finding]], ...] = (
    check_unreachable_hosts,
    check_daemon,
    check_table_unit,
    check_table_at_boot,
    check_sysctls,
    check_kernel_modules,
    check_drains,
    check_vip_holders,
    check_vrrp_filters,
    check_vip_places,
    check_sync_daemons,
    check_sync_filters,
    check_strict_keepalived,
    check_shared_files,
    check_vip_filters,
    check_rules_at_boot,
    check_segments,
    check_hidden_vips,
    check_arp_hiding,
    check_balancing,
    check_default_gateways,
    check_gateway_neighbours,
    check_tunnels,
    check_tunnel_filters,
    check_listeners,
    check_prober,
    check_probe,
)
#: What may follow from something that was found before.
CONSEQUENCES: tuple[Callable[[View, Found], Iterator[Finding]], ...] = (
    check_compared,
    check_tables,
    check_neighbours,
    check_cached_neighbours,
    check_ways_out,
    check_local_clients,
    check_tunnel_arrivals,
    check_connections,
    check_shares,
)


def cluster_findings(plans: Values, observations: Values) -> list[dict[str, str]]:
    """Everything that is not as the plans say, as ``{host, found, cause, remedy}``; empty when all is proven.

    ``observations``: ``{hosts: {name: {host, host_after, ipvs, ipvs_after, compared, unreachable}},
    probe: {from, neighbours, cached, connections}, macs: {name: [MAC address]}}``.
    """
    view = View(plans, observations)
    found = [finding for check in CAUSES for finding in check(view)]
    for check in CONSEQUENCES:
        found.extend(check(view, tuple(found)))
    return [finding.as_result() for finding in found]
