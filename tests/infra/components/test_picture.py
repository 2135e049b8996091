"""The picture in the docs is what the catalog says, and shows all of it."""

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest

from infra.components import picture
from infra.components.catalog import CATALOG
from infra.components.layout import Box, lay_out
from infra.components.table import Catalog
from tests.infra.components import expected

SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_in_the_docs_is_up_to_date() -> None:
    assert picture.PICTURE.read_text() == picture.draw(CATALOG), "run `make pictures` and commit the result"


def test_a_stale_picture_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    old = picture.PICTURE.with_name("of-another-catalog.svg")
    monkeypatch.setattr(picture, "PICTURE", old)
    monkeypatch.setattr("sys.argv", ["picture", "--check"])
    with pytest.raises(SystemExit, match="run `make pictures`"):
        picture.main()


def test_every_call_is_drawn_once_and_no_other() -> None:
    tree = ElementTree.fromstring(picture.draw(CATALOG))  # noqa: S314 - our own text
    titles = [title.text or "" for title in tree.findall(f"{SVG}path/{SVG}title")]
    drawn: list[tuple[str, str]] = []
    for title in titles:
        if single := re.match(r"(aex-\S+) calls (aex-\S+):", title):
            drawn.append((single[1], single[2]))
        elif bundle := re.match(r"(aex-\S+) calls every (\w+) service", title):
            drawn += [(bundle[1], name) for tier, names in expected.TIERS if tier == bundle[2] for name in names]
    assert sorted(drawn) == sorted(expected.EDGES)


def test_every_service_shows_its_name_and_port() -> None:
    texts = {element.text for element in ElementTree.fromstring(picture.draw(CATALOG)).iter(f"{SVG}text")}  # noqa: S314
    for name, port in expected.PORTS.items():
        assert {name.removeprefix("aex-"), str(port)} <= texts


def test_boxes_stand_inside_the_frame_of_their_tier_and_do_not_overlap() -> None:
    layout = lay_out(CATALOG, 4)
    for service in CATALOG.services:
        box, frame = layout.boxes[service.name], layout.frames[service.tier]
        assert frame.x < box.x
        assert box.right < frame.right
        assert frame.y < box.y
        assert box.bottom < frame.bottom
    assert not any(overlap(a, b) for a, b in combinations([*layout.boxes.values(), layout.clients, layout.internet], 2))
    assert max(frame.right for frame in layout.frames.values()) < layout.width
    assert max(frame.bottom for frame in layout.frames.values()) < layout.legend < layout.height


def overlap(a: Box, b: Box) -> bool:
    return a.x < b.right and b.x < a.right and a.y < b.bottom and b.y < a.bottom


def test_a_catalog_with_another_shape_can_be_drawn() -> None:
    few = tuple(service for service in CATALOG.services if not service.calls and not service.secrets)
    tree = ElementTree.fromstring(picture.draw(Catalog(few)))  # noqa: S314 - our own text
    assert len(tree.findall(f"{SVG}g")) == len(few)
