# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The timeouts of idle connections as a value.

Facts: ``ip_vs_set_timeout`` in ``net/netfilter/ipvs/ip_vs_ctl.c``, ``ip_vs_proto_tcp.c``, ``ip_vs_proto_udp.c``,
ipvsadm(8).
"""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import MOST_SECONDS, ModelError, whole_number


@dataclasses.dataclass(frozen=True)
class Timeouts:
    """After how many seconds idle connections are forgotten; what stands here is what a kernel starts with."""

    tcp: int = 900
    tcp_fin: int = 120
    udp: int = 300

    def as_options(self) -> dict[str, int]:
        """The timeouts in the names of the options of ``ipvs_timeouts``."""
        return dataclasses.asdict(self)

    def command(self) -> str:
        """The ``ipvsadm`` command line that sets them."""
        return f"ipvsadm --set {self.tcp} {self.tcp_fin} {self.udp}"


def merged_timeouts(present: Timeouts, given: Mapping[str, Any]) -> Timeouts:
    """The timeouts with what is given (None is not given), else as present. Raises ModelError."""
    numbers = {}
    for option in (field.name for field in dataclasses.fields(Timeouts)):
        seconds = given.get(option)
        if seconds == 0:
            # The kernel and ipvsadm leave a value alone when they are told 0.
            raise ModelError(f"{option} must be 1 second or more, got 0. Leave {option} out to leave it as it is.")
        if seconds is not None:
            numbers[option] = whole_number(seconds, 1, MOST_SECONDS, f"{option}, in seconds,")
    return dataclasses.replace(present, **numbers)
