"""How many instances of a service there may be: what the catalog, the environment and the stack's config come to.

Declares no resource: on Cloud Run, scaling is a part of the service.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.components.model import Service
from infra.gcp.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Instances:
    """A range that Cloud Run moves in, or with `fixed` always the same number."""

    minimum: int
    maximum: int
    fixed: bool = False

    def __post_init__(self) -> None:
        """Refuse a range that is none."""
        if not 0 <= self.minimum <= self.maximum or (self.fixed and self.minimum != self.maximum):
            raise ValueError(
                f"{self.minimum} to {self.maximum} instances is no range: make minimum at least 0 and at most maximum, "
                "and both the same where fixed"
            )


def instances_of(ctx: Context, service: Service) -> Instances:
    """The stack's override where there is one, else the environment's floor and the catalog's ceiling."""
    override = ctx.gcp.scaling.get(service.name)
    if override is not None and override.fixed is not None:
        return Instances(minimum=override.fixed, maximum=override.fixed, fixed=True)
    minimum = override.minimum if override else None
    maximum = override.maximum if override else None
    return Instances(
        minimum=ctx.gcp.minimum_instances if minimum is None else minimum,
        maximum=service.scaling.maximum if maximum is None else maximum,
    )


__all__ = ["Instances", "instances_of"]
