"""`teardown`: what would be deleted and lost, and the deletion, which is looked after to its end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from infra.ops import engine
from infra.ops.clouds.cloud import Cloud, Place, open_clouds, place_of
from infra.ops.commands.options import DryRun, Json, OnlyCloud, Stack
from infra.ops.faults import Exit, OpsError, UsageFault
from infra.ops.model import Leftover, Loss
from infra.ops.screen import Screen, escape

_UNPROTECT: Final = (
    "Take the protection off first, which is a deployment of its own: `pulumi config set agent-exchange:protect "
    "false`, in production also `pulumi config set agent-exchange:confirmUnprotected {stack}`, then `pulumi up --stack "
    "{stack}`."
)

_LAG_SECONDS: Final = 60.0
"""How long lists of what has a tag may show what is gone."""
_POLL_SECONDS: Final = 5.0

Confirm = Annotated[
    str | None, typer.Option("--confirm", help="The stack's name, instead of typing it: for pipelines.")
]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a teardown of a stack would do."""

    stack: str
    protect: bool
    resources: Mapping[str, int]
    """Type -> how many."""
    protected: Sequence[str]
    """Names of the resources that the engine refuses to delete."""
    losses: Mapping[str, Sequence[Loss]]
    obstacles: Mapping[str, Sequence[str]]

    @property
    def refused(self) -> bool:
        """Whether the deletion would be refused, or fail."""
        return self.protect or bool(self.protected) or any(self.obstacles.values())


def teardown(
    stack: Stack = "local",
    cloud: OnlyCloud = None,
    dry_run: DryRun = False,
    confirm: Confirm = None,
    as_json: Json = False,
) -> int:
    """Delete the whole stack, after its name was typed; --dry-run says what would go, and what data would be lost.

    Ends what would block the deletion, runs `pulumi destroy`, and looks whether anything with the stack's tag is left.
    """
    screen, place = Screen(as_json=as_json), place_of(stack)
    clouds = open_clouds(place, cloud)
    if len(clouds) < len(place.settings.clouds):
        raise UsageFault(
            f"stack {stack} is on {' and '.join(place.settings.clouds)}, and a teardown deletes all of it",
            f"To leave {cloud} alone, take it out of `agent-exchange:clouds` and run `pulumi up --stack {stack}`.",
        )
    with screen.working("looking at what is there"):
        plan = plan_of(place, clouds)
    _show(screen, plan)
    if dry_run:
        screen.result(plan)
        return Exit.FINDING if plan.refused else Exit.OK
    _refuse(plan)
    if not plan.resources:
        screen.line("Nothing to delete.")
        screen.result({"stack": stack, "deleted": 0, "left": {}})
        return Exit.OK
    _confirmed(stack, confirm)
    for each in clouds:
        for text in each.make_way():
            screen.note(f"{each.name}: {escape(text)}")
    code = engine.run(stack, "destroy", "--yes", "--skip-preview", aside=as_json)
    if code:
        raise OpsError(
            "pulumi destroy did not come to its end; what it had deleted by then is gone, the rest is as it was",
            f"Its last lines say why. Correct that, and run `aexctl teardown --stack {stack}` again: it goes on there.",
        )
    return _verified(screen, plan, clouds)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(teardown)


def plan_of(place: Place, clouds: Sequence[Cloud]) -> Plan:
    """What is there now, asked of the engine and of each cloud. Changes nothing."""
    custom = [each for each in place.state if each.custom and not each.type.startswith("pulumi:")]
    return Plan(
        stack=place.stack,
        protect=place.settings.protect,
        resources=dict(Counter(each.type for each in custom).most_common()),
        protected=sorted(f"{each.type.rpartition(':')[2]} {each.name}" for each in custom if each.protect),
        losses={each.name: each.losses() for each in clouds} if custom else {},
        obstacles={each.name: each.obstacles() for each in clouds} if custom else {},
    )


def _show(screen: Screen, plan: Plan) -> None:
    total = sum(plan.resources.values())
    rows = [(kind, str(count)) for kind, count in plan.resources.items()]
    screen.table(f"{plan.stack}: {total} resources would be deleted", ("type", "how many"), rows)
    for cloud, losses in plan.losses.items():
        lines = [
            (escape(loss.what), escape(loss.name), escape(loss.contents), escape(loss.kept) or "[red]lost[/]")
            for loss in losses
        ]
        screen.table(f"Data on {cloud}", ("what", "name", "contents", "after the teardown"), lines)
    screen.line()
    if plan.protect or plan.protected:
        names = ", ".join(plan.protected[:8]) + (" ..." if len(plan.protected) > 8 else "")
        screen.line(f"[red]Protected:[/] {escape(names) or 'agent-exchange:protect is true'}")
        screen.line(f"  → {escape(_UNPROTECT.format(stack=plan.stack))}")
    else:
        screen.line("Nothing is protected.")
    for cloud, texts in plan.obstacles.items():
        for text in texts:
            screen.line(f"[red]In the way on {cloud}:[/] {escape(text)}")


def _refuse(plan: Plan) -> None:
    if plan.protect or plan.protected:
        raise UsageFault(f"stack {plan.stack} is protected; nothing was deleted", _UNPROTECT.format(stack=plan.stack))
    blocked = [text for texts in plan.obstacles.values() for text in texts]
    if blocked:
        raise UsageFault(f"{blocked[0]}; nothing was deleted", "Clear that first, then run this again.")


def _confirmed(stack: str, confirm: str | None) -> None:
    typed = confirm if confirm is not None else typer.prompt(f"Type {stack} to delete all of it", err=True)
    if typed != stack:
        raise UsageFault(f"{typed!r} is not {stack!r}; nothing was deleted", "Type the stack's name exactly.")


def _verified(screen: Screen, plan: Plan, clouds: Sequence[Cloud]) -> int:
    left: dict[str, list[Leftover]] = {}
    for each in clouds:
        with screen.working(f"looking on {each.name} for what is left"):
            left[each.name] = _left(each)
    wrong = [item for items in left.values() for item in items if not item.waiting]
    rows = [
        (cloud, item.kind, escape(item.name), escape(item.waiting) or "[red]should not be there[/]")
        for cloud, items in left.items()
        for item in items
    ]
    if rows:
        screen.table("Still there", ("cloud", "kind", "name", "why"), rows)
    deleted = sum(plan.resources.values())
    screen.result({"stack": plan.stack, "deleted": deleted, "left": left})
    if wrong:
        raise OpsError(
            f"{len(wrong)} things with the tag of stack {plan.stack} are left",
            "Delete them by hand, or find out who made them: the engine does not know them.",
        )
    screen.line(f"\n{deleted} resources deleted; nothing of {plan.stack} is left that should not be.")
    return Exit.OK


def _left(cloud: Cloud) -> list[Leftover]:
    """What is left once the clouds' lists have caught up with what was deleted."""
    deadline = time.monotonic() + _LAG_SECONDS
    while True:
        found = cloud.leftovers()
        if all(item.waiting for item in found) or time.monotonic() >= deadline:
            return found
        time.sleep(_POLL_SECONDS)


__all__ = ["Plan", "plan_of", "register", "teardown"]
