"""A picture of a plan: a bar for each resource that takes its time, the longest chain in another colour."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

SHORTEST_SECONDS = 15
"""Bars below this would only be hundreds of dots; they are drawn in one row, as a density."""

_MANY = 12
"""Resources of one type of which more than this share lines."""

_WIDTH, _LEFT, _ROW, _BAR = 1100, 230, 16, 11
_STYLE = """
svg { font: 12px ui-sans-serif, system-ui, sans-serif; background: #fff }
text { fill: #1f2937 } .dim { fill: #6b7280 } .title { font-weight: 600; font-size: 14px }
.bar { fill: #93c5fd } .critical { fill: #f97316 } .grid { stroke: #e5e7eb } .few { fill: #60a5fa; opacity: .35 }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One resource: what it is called, and its seconds from the beginning."""

    type: str
    name: str
    start: float
    end: float
    critical: bool


def chart(clouds: Mapping[str, Sequence[Bar]]) -> str:
    """The bars of each cloud above each other on one scale, as SVG."""
    last = max(bar.end for bars in clouds.values() for bar in bars)
    scale = (_WIDTH - _LEFT - 20) / last
    parts: list[str] = []
    top = 30
    for cloud, bars in clouds.items():
        lines = list(_lines([bar for bar in bars if bar.end - bar.start >= SHORTEST_SECONDS]))
        height = (len(lines) + 1) * _ROW
        total = max(bar.end for bar in bars)
        parts.append(f'<text class="title" x="10" y="{top}">{cloud}: {_minutes(total)} to the last resource</text>')
        top += 14
        parts += _grid(last, scale, top, height)
        small = [bar for bar in bars if 0 < bar.end - bar.start < SHORTEST_SECONDS]
        parts.append(f'<text class="dim" x="10" y="{top + 11}">{len(small)} quick resources</text>')
        parts += [_bar(bar, top, scale, "few") for bar in small]
        for label, line in lines:
            top += _ROW
            parts.append(f'<text x="10" y="{top + 10}">{escape(label)}</text>')
            parts += [_bar(bar, top, scale, "critical" if bar.critical else "bar") for bar in line]
        top += _ROW + 44
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}">'
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _lines(bars: Sequence[Bar]) -> Iterator[tuple[str, list[Bar]]]:
    """A line for each bar, by its start; those of a type that has many share lines where they do not overlap."""
    count = Counter(bar.type for bar in bars)
    shared: dict[str, list[list[Bar]]] = {}
    lines: list[tuple[str, list[Bar]]] = []
    for bar in sorted(bars, key=lambda bar: bar.start):
        if count[bar.type] <= _MANY:
            lines.append((f"{bar.type} {bar.name}", [bar]))
            continue
        mine = shared.setdefault(bar.type, [])
        free = next((line for line in mine if line[-1].end <= bar.start), None)
        if free is not None:
            free.append(bar)
        else:
            mine.append([bar])
            lines.append((f"{count[bar.type]} x {bar.type}" if len(mine) == 1 else "", mine[-1]))
    yield from lines


def _bar(bar: Bar, top: float, scale: float, kind: str) -> str:
    x, width = _LEFT + bar.start * scale, max(1.0, (bar.end - bar.start) * scale)
    return f'<rect class="{kind}" x="{x:.1f}" y="{top + 1}" width="{width:.1f}" height="{_BAR}" rx="2"/>'


def _grid(last: float, scale: float, top: float, height: float) -> list[str]:
    lines: list[str] = []
    for minute in range(0, math.ceil(last / 60) + 1, 2):
        x = _LEFT + minute * 60 * scale
        if x <= _WIDTH:
            lines.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + height}"/>')
            lines.append(f'<text class="dim" x="{x:.1f}" y="{top + height + 12}">{minute} min</text>')
    return lines


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


__all__ = ["SHORTEST_SECONDS", "Bar", "chart"]
