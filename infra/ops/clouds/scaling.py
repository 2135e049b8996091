"""The edits of the config that set how many instances a service has; the same keys on both clouds."""

from __future__ import annotations

from infra.ops.config_file import Edit


def scaled(cloud: str, service: str, *, fixed: int | None, minimum: int | None, maximum: int | None) -> list[Edit]:
    """A fixed number, or a range, in place of what was there; without any number, the catalog's own again."""
    path = f"{cloud}.scaling.{service}"
    if fixed is not None:
        return [Edit(f"{path}.minimum", None), Edit(f"{path}.maximum", None), Edit(f"{path}.fixed", fixed)]
    if minimum is None and maximum is None:
        return [Edit(path, None)]
    numbers = [Edit(f"{path}.minimum", minimum), Edit(f"{path}.maximum", maximum)]
    return [Edit(f"{path}.fixed", None), *(edit for edit in numbers if edit.value is not None)]


__all__ = ["scaled"]
