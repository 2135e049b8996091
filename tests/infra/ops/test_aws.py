"""`aexctl` on AWS, against moto: what it says of a stack, and what it writes."""

from __future__ import annotations

import pytest

from infra.components.catalog import CATALOG
from tests.infra.ops.aws_stack import NEW, deployed
from tests.infra.ops.bench import Bench

pytestmark = pytest.mark.usefixtures("aws_environment")


def test_status_shows_ten_services_with_revision_and_image(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    deployed(bench)
    _, answer = bench.json(capsys, "status", "-s", "staging")
    (cloud,) = answer["clouds"]
    assert [each["service"] for each in cloud["services"]] == list(CATALOG.names)
    gateway = cloud["services"][0]
    assert (gateway["revision"], gateway["desired"], gateway["digest"]) == ("aex-gateway-staging:2", "1", NEW)
    assert gateway["deployed"] is not None
