"""The edits that make services run given images: all ten are pinned, so that the others stay what they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from infra.config.general import ImageSource
from infra.ops.clouds.cloud import Place
from infra.ops.config_file import Edit
from infra.ops.faults import OpsError, UsageFault
from infra.ops.model import ServiceState


def pinned(
    place: Place, cloud: str, wanted: Mapping[str, str], running: Callable[[], Sequence[ServiceState]]
) -> list[Edit]:
    """Service -> digest as edits of `image`; `running` is asked for the others when images are built here."""
    others = [each.value for each in place.settings.clouds if each.value != cloud]
    if others:
        raise UsageFault(
            f"stack {place.stack} is on {' and '.join(others)} too, which has the same image.digests",
            "Set `agent-exchange:image` by hand, with digests that both registries have, and run `pulumi up`.",
        )
    digests = dict(wanted)
    if place.settings.image.source is ImageSource.BUILD:
        digests = {state.service: state.digest for state in running()} | digests
    without = [service for service, digest in digests.items() if not digest]
    if without:
        raise OpsError(
            f"it is not known which image {', '.join(without)} runs",
            "Name them yourself: `pulumi config set --path agent-exchange:image.digests.SERVICE sha256:...`.",
        )
    edits = [Edit(f"image.digests.{service}", digest) for service, digest in sorted(digests.items())]
    return [Edit("image.source", ImageSource.PREBUILT.value), *edits]


__all__ = ["pinned"]
