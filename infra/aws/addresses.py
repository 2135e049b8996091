"""The plan of a VPC's addresses. Pure arithmetic.

The network is cut into sixteen equal blocks: 0-3 private, 4-7 public, 8-11 data, one per zone; 12-15 stay free for what
comes later. With the default 10.20.0.0/16 each block is a /20 of 4091 usable addresses.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

MOST_ZONES: Final = 4
_BLOCKS: Final = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """Networks per zone, in the order of the zones."""

    private: tuple[str, ...]
    public: tuple[str, ...]
    data: tuple[str, ...]


def plan(cidr: str, zones: int) -> Plan:
    """The subnets of `zones` zones in `cidr`."""
    if not 2 <= zones <= MOST_ZONES:
        raise ValueError(f"{zones} zones do not fit the plan: use 2 to {MOST_ZONES}")
    blocks = [str(block) for block in ipaddress.IPv4Network(cidr).subnets(prefixlen_diff=_BLOCKS.bit_length() - 1)]
    groups = [tuple(blocks[start : start + zones]) for start in range(0, 3 * MOST_ZONES, MOST_ZONES)]
    return Plan(*groups)


__all__ = ["MOST_ZONES", "Plan", "plan"]
