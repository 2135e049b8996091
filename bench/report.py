"""The measured figures beside the peer's: one JSON document, a table for the terminal, a picture.

Ratios are of CPU microseconds a request, summed over the services that it passes. `now` divides the peer's figure by
how fast the machine is at this moment (`yardstick.py`), which is what a peer measured in this very run would show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape

from bench.measure import Figure
from bench.rows import ROWS
from bench.startup import PEER_START_MS, TARGET_MS, TARGET_RSS_MIB, Start
from bench.yardstick import PEER_CPU_US

TRADES = {1: (97.0, 110.0), 16: (198.0, 264.0)}
"""The peer's trades a second by concurrency (lowest and highest quiet run), of 17 requests each, stores in memory."""
TRADE_TARGET = 0.8


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the comparison. `ratio` and `now` are multiples of the peer; the target is for `ratio`."""

    name: str
    connections: int
    ours: float
    peer: float
    unit: str
    ratio: float
    now: float | None
    target: float | None
    met: bool | None
    foreign: float
    more: dict[str, float]


def lines(figures: Sequence[Figure], yardstick: Mapping[int, float]) -> list[Line]:
    """The comparison of single requests and trades."""
    rows = {row.name: row for row in ROWS}
    found: list[Line] = []
    for one in figures:
        row = rows.get(one.name)
        more = {"per_second": one.per_second, "p50_ms": one.p50, "p95_ms": one.p95, "p99_ms": one.p99}
        more |= {"client_share": one.client_share, "cpu_us": one.cpu_us}
        if row is None:
            found.append(_trade(one, more))
            continue
        peer = row.peer[one.connections].cpu_us
        ratio, slower = one.cpu_us / peer, _slower(yardstick, one.connections)
        now = None if slower is None else ratio / slower
        met = None if row.target is None else ratio <= row.target
        found.append(
            Line(one.name, one.connections, one.cpu_us, peer, "us", ratio, now, row.target, met, one.foreign, more)
        )
    return found


def _trade(one: Figure, more: dict[str, float]) -> Line:
    peer = sum(TRADES[one.connections]) / 2
    ratio = one.per_second / peer
    target = TRADE_TARGET if one.connections == 16 else None
    met = None if target is None else ratio >= target
    return Line(one.name, one.connections, one.per_second, peer, "1/s", ratio, None, target, met, one.foreign, more)


def _slower(yardstick: Mapping[int, float], connections: int) -> float | None:
    measured = yardstick.get(connections)
    return None if measured is None else measured / PEER_CPU_US[connections]


def document(
    machine: Mapping[str, str], compared: Sequence[Line], starts: Sequence[Start], yardstick: Mapping[int, float]
) -> dict[str, object]:
    """Everything, for the next reader."""
    return {
        "machine": dict(machine),
        "yardstick_us": {str(connections): value for connections, value in yardstick.items()},
        "requests": [asdict(line) for line in compared],
        "starts": [asdict(start) for start in starts],
        "peer_start_ms": PEER_START_MS,
    }


def table(compared: Sequence[Line], starts: Sequence[Start]) -> str:
    """For the terminal."""
    out = [f"{'request':36} {'at':>3} {'ours':>8} {'peer':>7} {'ratio':>6} {'now':>6} {'target':>7}  verdict  foreign"]
    for line in compared:
        now = "" if line.now is None else f"{line.now:.2f}"
        target = "" if line.target is None else f"{line.target:.1f}"
        out.append(
            f"{line.name:36} {line.connections:3} {line.ours:8.0f} {line.peer:7.0f} {line.ratio:6.2f} {now:>6} "
            f"{target:>7}  {_verdict(line.met):7}  {line.foreign:.2f}   {line.more['per_second']:.0f}/s "
            f"p50 {line.more['p50_ms']:.1f} p95 {line.more['p95_ms']:.1f} p99 {line.more['p99_ms']:.1f} ms"
        )
    for start in starts:
        met = start.healthy_ms <= TARGET_MS and start.rss_mib <= TARGET_RSS_MIB
        out.append(
            f"start {start.name:30} {start.healthy_ms:8.0f} ms to healthy ({start.cpu_ms:.0f} of CPU), "
            f"{start.rss_mib:.0f} MiB idle: {_verdict(met)}"
        )
    return "\n".join(out)


def _verdict(met: bool | None) -> str:
    return {True: "met", False: "missed", None: ""}[met]


def picture(compared: Sequence[Line]) -> str:
    """Bars: our CPU as a multiple of the peer's, and the target as a mark."""
    shown = [line for line in compared if line.unit == "us"]
    widest = max([line.ratio for line in shown] + [1.0])
    scale, top, step = 420 / widest, 46, 24
    height = top + step * len(shown) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="12" y="22" font-size="15">CPU of all services a request passes, as a multiple of the Go peer</text>',
    ]
    for index, line in enumerate(shown):
        y = top + step * index
        colour = {True: "#2e7d32", False: "#c62828", None: "#546e7a"}[line.met]
        label = escape(f"{line.name} @{line.connections}")
        parts.append(f'<text x="300" y="{y + 12}" text-anchor="end">{label}</text>')
        parts.append(f'<rect x="310" y="{y}" width="{line.ratio * scale:.1f}" height="16" fill="{colour}"/>')
        parts.append(f'<text x="{316 + line.ratio * scale:.1f}" y="{y + 12}">{line.ratio:.2f}</text>')
        if line.target is not None:
            x = 310 + line.target * scale
            parts.append(
                f'<line x1="{x:.1f}" y1="{y - 3}" x2="{x:.1f}" y2="{y + 19}" stroke="black" stroke-width="2"/>'
            )
    parts.append(f'<text x="12" y="{height - 8}">black mark: target; green: met; red: missed; grey: no target</text>')
    return "\n".join([*parts, "</svg>", ""])


__all__ = ["Line", "document", "lines", "picture", "table"]
