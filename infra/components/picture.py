"""The picture of the call graph in the docs, drawn from the catalog: `make pictures`.

Plain SVG without scripts, external fonts or CSS variables, so that every viewer shows it; it brings its own background
and follows the reader's light or dark setting.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from infra.components.catalog import CATALOG
from infra.components.layout import ARC_STEP, MARGIN, RAIL, Box, Layout, lay_out
from infra.components.model import Service, Tier
from infra.components.table import Catalog

PICTURE: Final = Path(__file__).parents[2] / "docs" / "pictures" / "call-graph.svg"

_CORNER: Final = 9
"""Radius of the corners of lines."""


@dataclass(frozen=True, slots=True)
class _Palette:
    """Colours of one setting; a tier has one for its frame and one for its lines."""

    page: str
    border: str
    text: str
    soft: str
    box: str
    tiers: dict[Tier, tuple[str, str]]


_LIGHT: Final = _Palette(
    page="#ffffff",
    border="#d0d7de",
    text="#1f2328",
    soft="#59636e",
    box="#ffffff",
    tiers={
        Tier.GATEWAY: ("#eef0ff", "#5b5bd6"),
        Tier.BUSINESS: ("#e6f6f4", "#0f8377"),
        Tier.CORE: ("#fff4e0", "#b26a00"),
        Tier.INFRASTRUCTURE: ("#eef2f6", "#57697c"),
    },
)
_DARK: Final = _Palette(
    page="#0d1117",
    border="#3d444d",
    text="#e6edf3",
    soft="#9198a1",
    box="#161b22",
    tiers={
        Tier.GATEWAY: ("#1b1c3a", "#9a9bff"),
        Tier.BUSINESS: ("#0c2a28", "#3cc7b5"),
        Tier.CORE: ("#31230a", "#f0a93c"),
        Tier.INFRASTRUCTURE: ("#1b232c", "#94a7bb"),
    },
)


def draw(catalog: Catalog) -> str:
    """The whole picture as SVG text, the same for the same catalog."""
    legend = [
        "An arrow leads from caller to callee; one that ends at a frame reaches every service in it. "
        "Nothing else can be called. Deployed from the bottom up.",
        *(f"{caller.name}: {caller.description}" for caller in catalog.callers),
    ]
    layout = lay_out(catalog, len(legend))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {layout.width:g} {layout.height:g}" role="img" '
        'aria-labelledby="title description">',
        '<title id="title">Call graph of the Agent Exchange</title>',
        f'<desc id="description">{escape(_in_words(catalog))}</desc>',
        f"<style>{_style(_LIGHT)}@media (prefers-color-scheme: dark){{{_style(_DARK)}}}</style>",
        *_markers(),
        f'<rect class="page" x=".5" y=".5" width="{layout.width - 1:g}" height="{layout.height - 1:g}" rx="12"/>',
        *_frames(layout),
        *_bundles(layout),
        *_arrows(catalog, layout),
        *_outside(catalog, layout),
        *(line for service in catalog.services for line in _box(service, layout.boxes[service.name])),
        *(
            _text(MARGIN, layout.legend + 21 * number, line, "soft" if number else "text", 13)
            for number, line in enumerate(legend)
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _in_words(catalog: Catalog) -> str:
    return " ".join(
        f"{service.name} ({service.tier}) calls {', '.join(call.service for call in service.calls) or 'nobody'}."
        for service in catalog.services
    )


def _style(palette: _Palette) -> str:
    rules = [
        "text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}",
        f".page{{fill:{palette.page};stroke:{palette.border}}}",
        f".text{{fill:{palette.text}}}",
        f".soft{{fill:{palette.soft}}}",
        f".chip{{fill:{palette.page};stroke:{palette.soft};stroke-dasharray:4 3}}",
        f".box{{fill:{palette.box}}}",
        ".line{fill:none;stroke-width:1.7}",
        f".outside{{stroke:{palette.soft}}}.outside-head{{fill:{palette.soft}}}",
    ]
    for tier, (frame, line) in palette.tiers.items():
        rules.append(f".{tier}-frame{{fill:{frame}}}.{tier}{{stroke:{line}}}.{tier}-head{{fill:{line}}}")
    return "".join(rules)


def _markers() -> Iterator[str]:
    yield "<defs>"
    for name in (*Tier, "outside"):
        yield (
            f'<marker id="head-{name}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" '
            f'markerUnits="userSpaceOnUse" orient="auto"><path class="{name}-head" d="M0 0.5 8 4 0 7.5z"/></marker>'
        )
    yield "</defs>"


def _frames(layout: Layout) -> Iterator[str]:
    for tier, frame in layout.frames.items():
        yield _rect(frame, f"{tier}-frame", 10)
        yield _text(frame.x + 14, frame.y + 22, tier, f"{tier}-head", 13, weight=600)


def _box(service: Service, box: Box) -> Iterator[str]:
    yield f"<g><title>{escape(service.name)}</title>"
    yield _rect(box, f"box {service.tier}", 7)
    yield _text(box.x + 13, box.y + 25, service.short_name, "text", 15, weight=600)
    yield _text(box.right - 13, box.y + 25, str(service.port), "soft", 13, anchor="end")
    yield _text(box.x + 13, box.y + 46, service.description, "text", 12)
    yield _text(box.x + 13, box.y + 66, _owned(service), "soft", 11.5)
    yield "</g>"


def _owned(service: Service) -> str:
    counts = {
        "collection": len(service.collections),
        "secret": len(service.secrets),
        "duty": len(service.duties),
    }
    words = [f"{count} {_plural(word, count)}" for word, count in counts.items() if count]
    return " · ".join(words)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _bundles(layout: Layout) -> Iterator[str]:
    """Arrows to frames: straight down to the next row, around the left side to those below it."""
    order = list(layout.frames)
    around: dict[str, int] = defaultdict(int)
    for caller, tier in reversed(layout.bundles):
        box, frame = layout.boxes[caller], layout.frames[tier]
        own = next(candidate for candidate, place in layout.frames.items() if place.y <= box.y < place.bottom)
        if order.index(tier) == order.index(own) + 1:
            yield _line([(box.middle, box.bottom), (box.middle, frame.y)], own, f"{caller} calls every {tier} service")
            continue
        lane = around[caller]
        around[caller] += 1
        x = box.x + 24 + RAIL * lane
        y = layout.frames[own].bottom + 16 + RAIL * lane
        rail, target = MARGIN + RAIL * lane, frame.y + frame.height / 2
        points = [(x, box.bottom), (x, y), (rail, y), (rail, target), (frame.x, target)]
        yield _line(points, own, f"{caller} calls every {tier} service")


def _arrows(catalog: Catalog, layout: Layout) -> Iterator[str]:
    """Single calls: to the neighbour, over the boxes between, or down to another row."""
    down = [pair for pair in layout.arrows if layout.boxes[pair[0]].y != layout.boxes[pair[1]].y]
    for caller, callee in layout.arrows:
        start, end = layout.boxes[caller], layout.boxes[callee]
        tier = catalog.service(caller).tier
        purpose = next(call.purpose for call in catalog.service(caller).calls if call.service == callee)
        title = f"{caller} calls {callee}: {purpose}"
        if (caller, callee) in layout.arcs:
            leaving = [arc for arc in layout.arcs if arc[0] == caller].index((caller, callee))
            arriving = [arc for arc in layout.arcs if arc[1] == callee].index((caller, callee))
            sign = 1 if start.x < end.x else -1
            x, to = start.middle - 30 * leaving * sign, end.middle + (30 * arriving - 80) * sign
            y = start.y - ARC_STEP * layout.arcs[caller, callee]
            yield _line([(x, start.y), (x, y), (to, y), (to, end.y)], tier, title)
        elif start.y == end.y:
            y = start.y + start.height / 2
            near, far = (start.right, end.x) if start.x < end.x else (start.x, end.right)
            yield _line([(near, y), (far, y)], tier, title)
        else:
            x = _port(start, [layout.boxes[b].middle for a, b in down if a == caller], end.middle)
            to = _port(end, [layout.boxes[a].middle for a, b in down if b == callee], start.middle)
            yield _curve((x, start.bottom), (to, end.y), tier, title)


def _port(box: Box, others: list[float], other: float) -> float:
    """Where on its edge a box is touched by one of several lines, in the order of their other ends."""
    return box.x + box.width * (sorted(others).index(other) + 1) / (len(others) + 1)


def _outside(catalog: Catalog, layout: Layout) -> Iterator[str]:
    yield from _chip(layout.clients, "consumers and providers", "with an API key or a token")
    reasons = sorted({reason.value for service in catalog.services for reason in service.external})
    if reasons:
        yield from _chip(layout.internet, "the internet", " and ".join(reasons))
    for service in catalog.services:
        box = layout.boxes[service.name]
        if service.public:
            y = layout.clients.y + layout.clients.height / 2
            yield _line([(layout.clients.right, y), (box.x, y)], "outside", f"clients call {service.name}")
        if service.external:
            x = box.right - 30
            title = f"{service.name} sends {' and '.join(service.external)}"
            yield _line([(x, box.y), (x, layout.internet.bottom)], "outside", title)


def _chip(box: Box, title: str, text: str) -> Iterator[str]:
    yield _rect(box, "chip", box.height / 2)
    yield _text(box.middle, box.y + 23, title, "text", 13, weight=600, anchor="middle")
    yield _text(box.middle, box.y + 41, text, "soft", 12, anchor="middle")


def _rect(box: Box, css: str, radius: float) -> str:
    return (
        f'<rect class="{css}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" '
        f'rx="{radius:g}"/>'
    )


def _text(x: float, y: float, text: str, css: str, size: float, *, weight: int = 400, anchor: str = "start") -> str:
    return (
        f'<text class="{css}" x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def _line(points: list[tuple[float, float]], css: str, title: str) -> str:
    """A line along `points` with rounded corners and an arrow head."""
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        enter, leave = _towards(corner, before), _towards(corner, after)
        path += f"L{enter[0]:g} {enter[1]:g}Q{corner[0]:g} {corner[1]:g} {leave[0]:g} {leave[1]:g}"
    path += f"L{points[-1][0]:g} {points[-1][1]:g}"
    return _path(path, css, title)


def _towards(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    distance = max(abs(other[0] - corner[0]), abs(other[1] - corner[1]))
    share = min(_CORNER, distance / 2) / distance if distance else 0
    return corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share


def _curve(start: tuple[float, float], end: tuple[float, float], css: str, title: str) -> str:
    bend = (end[1] - start[1]) / 2
    bends = f"{start[0]:g} {start[1] + bend:g} {end[0]:g} {end[1] - bend:g}"
    path = f"M{start[0]:g} {start[1]:g}C{bends} {end[0]:g} {end[1]:g}"
    return _path(path, css, title)


def _path(path: str, css: str, title: str) -> str:
    return f'<path class="line {css}" d="{path}" marker-end="url(#head-{css})"><title>{escape(title)}</title></path>'


def main() -> None:
    """Write the picture; with `--check`, only say whether the one in the docs is up to date."""
    drawn = draw(CATALOG)
    if sys.argv[1:] == ["--check"]:
        if not PICTURE.exists() or PICTURE.read_text() != drawn:
            sys.exit(f"{PICTURE} is not what the catalog says: run `make pictures` and commit the result")
        return
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(drawn)


if __name__ == "__main__":
    main()
