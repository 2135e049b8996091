"""`rollback`, `rollout`, `scale` and `restart`: changes of the config, and the deployment that makes them true.

No command touches the cloud behind the engine's back: what it writes into the stack's file is what the next `pulumi up`
of anybody does as well, so that nothing is undone by accident.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from infra.components.catalog import CATALOG
from infra.ops import config_file, engine
from infra.ops.clouds.cloud import Place, one_cloud, open_clouds, place_of, service_named
from infra.ops.commands.options import Json, NoUp, OnlyCloud, Stack, Yes
from infra.ops.config_file import Edit
from infra.ops.faults import Exit, OpsError, UsageFault
from infra.ops.model import Version
from infra.ops.screen import Screen, ago, escape, short_digest

Services = Annotated[list[str] | None, typer.Argument(help="Services, with or without aex-; none means all ten.")]
Service = Annotated[str, typer.Argument(help="The service, with or without aex-.")]


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to be written, and done."""

    place: Place
    edits: Sequence[Edit]
    what: str
    before: Callable[[], Sequence[str]] | None = None
    """What is done before the deployment; says what it did."""


def rollback(
    services: Services = None,
    stack: Stack = "local",
    cloud: OnlyCloud = None,
    to: Annotated[str | None, typer.Option("--to", help="A revision or digest; default: the one before.")] = None,
    show: Annotated[bool, typer.Option("--list", help="List what a service has run, and change nothing.")] = False,
    yes: Yes = False,
    no_up: NoUp = False,
    as_json: Json = False,
) -> int:
    """Go back to what ran before: the previous digest on AWS, the previous revision's traffic on Google Cloud."""
    screen, place = Screen(as_json=as_json), place_of(stack)
    chosen, names = one_cloud(place, cloud), _named(services)
    histories: dict[str, list[Version]] = {}
    with screen.working(f"asking {chosen.name} what ran before"):
        for name in names:
            histories[name] = chosen.versions(name)
    if show:
        return _listed(screen, histories)
    targets = {name: _target(name, found, to) for name, found in histories.items()}
    what = ", ".join(f"{name} to {each.revision} ({short_digest(each.digest)})" for name, each in targets.items())
    return _changed(screen, _Change(place, chosen.go_to(targets), f"rolls back {what}"), yes=yes, no_up=no_up)


def rollout(
    services: Services = None,
    stack: Stack = "local",
    cloud: OnlyCloud = None,
    percent: Annotated[
        int, typer.Option("--percent", min=1, max=100, help="Share of the newest revision (Google Cloud).")
    ] = 100,
    digest: Annotated[str | None, typer.Option("--digest", help="sha256:... to run, for one service.")] = None,
    yes: Yes = False,
    no_up: NoUp = False,
    as_json: Json = False,
) -> int:
    """Go forward: a digest, or a share of the requests for the newest revision; 100 ends a rollback or a trial."""
    screen, place = Screen(as_json=as_json), place_of(stack)
    chosen, names = one_cloud(place, cloud), _named(services)
    if digest is None:
        with screen.working(f"asking {chosen.name} what runs"):
            edits = chosen.go_on(names, percent)
        what = f"gives the newest revision of {', '.join(names)} {percent} per cent of the requests"
    else:
        if len(names) != 1 or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise UsageFault("--digest takes one service and a sha256:... of 64 digits", "Name the service it is of.")
        with screen.working(f"asking {chosen.name} what runs"):
            edits = chosen.go_to({names[0]: Version("given", digest, None, current=False)})
        what = f"runs {short_digest(digest)} as {names[0]}"
    return _changed(screen, _Change(place, edits, what), yes=yes, no_up=no_up)


def scale(
    service: Service,
    instances: Annotated[int | None, typer.Argument(min=0, help="A fixed number.")] = None,
    minimum: Annotated[int | None, typer.Option("--min", min=0, help="The fewest, for a range.")] = None,
    maximum: Annotated[int | None, typer.Option("--max", min=1, help="The most, for a range.")] = None,
    auto: Annotated[bool, typer.Option("--auto", help="The catalog's own range again.")] = False,
    stack: Stack = "local",
    cloud: OnlyCloud = None,
    yes: Yes = False,
    no_up: NoUp = False,
    as_json: Json = False,
) -> int:
    """Set how many instances a service has: a number, a range that it scales in, or --auto."""
    ranged = minimum is not None or maximum is not None
    if sum((instances is not None, ranged, auto)) != 1:
        raise UsageFault(
            "say one of: a number, a range (--min, --max), --auto", "As in `aexctl scale gateway --min 2`."
        )
    screen, place, name = Screen(as_json=as_json), place_of(stack), service_named(service)
    edits = [
        edit
        for each in open_clouds(place, cloud)
        for edit in each.scale(name, fixed=instances, minimum=minimum, maximum=maximum)
    ]
    wish = (
        "its own range"
        if auto
        else str(instances)
        if not ranged
        else f"{minimum or 'the least'} to {maximum or 'the most'}"
    )
    return _changed(screen, _Change(place, edits, f"sets {name} to {wish}"), yes=yes, no_up=no_up)


def restart(
    services: Services = None,
    stack: Stack = "local",
    cloud: OnlyCloud = None,
    yes: Yes = False,
    no_up: NoUp = False,
    as_json: Json = False,
) -> int:
    """Start services anew, without an interruption on the clouds: a bump of the config forces a new deployment."""
    screen, place, names = Screen(as_json=as_json), place_of(stack), _named(services)
    # A form that YAML takes for a text, and that sorts.
    token = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    clouds = open_clouds(place, cloud)
    edits = [edit for each in clouds for name in names for edit in each.restart(name, token)]
    what = f"restarts {', '.join(names) if services else 'all ten services'}"

    def end() -> list[str]:
        return [text for each in clouds for text in each.end(names)]

    return _changed(screen, _Change(place, edits, what, None if edits else end), yes=yes, no_up=no_up)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (rollback, rollout, scale, restart):
        app.command()(command)


def _changed(screen: Screen, change: _Change, *, yes: bool, no_up: bool) -> int:
    place, stack = change.place, change.place.stack
    config = dict(place.config)
    edits = config_file.effective(config, change.edits)
    commands = [config_file.shown(command) for command in config_file.commands(stack, edits)]
    deploy = ["up", *(["--yes"] if yes else [])]
    commands.append(config_file.shown([*deploy, "--stack", stack]))
    if not edits and change.before is None:
        screen.line(f"Nothing to change: the config of {stack} says so already.")
        screen.result({"stack": stack, "changed": False, "commands": []})
        return Exit.OK
    screen.line(f"{stack}: {escape(change.what)}")
    for command in commands:
        screen.line(f"  {escape(command)}", whole=True)
    if not yes and not typer.confirm("Write this into the config, and deploy?", default=False, err=True):
        raise UsageFault("nothing was changed", "Answer with y, or say --yes.")
    config_file.apply(stack, edits)
    for text in change.before() if change.before else ():
        screen.note(escape(text))
    code = 0 if no_up else engine.run(stack, *deploy, aside=screen.json)
    screen.result({"stack": stack, "changed": True, "commands": commands, "deployed": not no_up, "exit": code})
    if code:
        undo = [
            config_file.shown(command) for command in config_file.commands(stack, config_file.inverse(config, edits))
        ]
        raise OpsError(
            "the deployment failed; the config keeps the change",
            "Correct what it says and run `pulumi up` again" + (f", or undo: {'; '.join(undo)}." if undo else "."),
        )
    if no_up:
        screen.line("Done so far; the next `pulumi up` does the rest.")
    return Exit.OK


def _named(services: list[str] | None) -> list[str]:
    return [service_named(each) for each in services] if services else list(CATALOG.names)


def _listed(screen: Screen, histories: dict[str, list[Version]]) -> int:
    rows = [
        (name, each.revision, short_digest(each.digest), ago(each.deployed), "now" if each.current else "")
        for name, found in histories.items()
        for each in found
    ]
    screen.table("What ran", ("service", "revision", "image", "deployed", ""), rows)
    screen.result(histories)
    return Exit.OK


def _target(name: str, found: Sequence[Version], to: str | None) -> Version:
    if to is not None:
        match = next((each for each in found if to in (each.revision, each.digest)), None)
        if match is None:
            known = ", ".join(each.revision for each in found) or "nothing"
            raise UsageFault(f"{name} has not run {to!r}", f"It has run: {known}. `aexctl rollback {name} --list`.")
        return match
    current = next((each for each in found if each.current), None)
    newer = found.index(current) if current else -1
    for each in found[newer + 1 :]:
        if current is None or each.digest != current.digest:
            return each
    raise UsageFault(
        f"{name} has run no other image before this one", "Name one with `aexctl rollout --digest`, or deploy a tag."
    )


__all__ = ["register", "restart", "rollback", "rollout", "scale"]
