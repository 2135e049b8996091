"""`doctor`, `status` and `smoke`: commands that look and say what they see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import typer

from infra.ops.clouds.cloud import Cloud, open_clouds, place_of
from infra.ops.commands.options import Json, OnlyCloud, Stack
from infra.ops.faults import Exit, OpsError, Unreachable
from infra.ops.model import Finding, Health, ServiceState, Verdict
from infra.ops.screen import Screen, ago, escape, health, short_digest, verdict
from infra.ops.smoke import smoke
from infra.ops.stack import Exchange
from infra.ops.trade import STEPS

_FINE = frozenset({Health.HEALTHY, Health.DEPLOYING})


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one cloud says, for JSON."""

    cloud: str
    services: Sequence[ServiceState]


def doctor(stack: Stack = "local", cloud: OnlyCloud = None, as_json: Json = False) -> int:
    """Check all that a deployment needs, a verdict a line, with the remedy. Exit code 1 if something would fail."""
    screen, place = Screen(as_json=as_json), place_of(stack)
    found: dict[str, list[Finding]] = {}
    for each in open_clouds(place, cloud):
        with screen.working(f"asking {each.name}"):
            found[each.name] = _examined(each)
        rows = [
            (verdict(finding.verdict), escape(finding.check), escape(_with_remedy(finding)))
            for finding in found[each.name]
        ]
        screen.table(f"{stack} on {each.name}", ("", "check", "finding"), rows)
    everything = [finding for findings in found.values() for finding in findings]
    failed = sum(finding.verdict is Verdict.FAILED for finding in everything)
    warned = sum(finding.verdict is Verdict.WARNING for finding in everything)
    screen.line(f"\n{len(everything)} checks: {failed} failed, {warned} to know about.")
    screen.result({"stack": stack, "clouds": found, "failed": failed, "warnings": warned})
    return Exit.FINDING if failed else Exit.OK


def status(stack: Stack = "local", cloud: OnlyCloud = None, as_json: Json = False) -> int:
    """Show the ten services: revision, running and desired, health, image, last deployment, why the last one failed."""
    screen, place = Screen(as_json=as_json), place_of(stack)
    answers: list[_Answer] = []
    for each in open_clouds(place, cloud):
        with screen.working(f"asking {each.name}"):
            answers.append(_Answer(each.name, each.status()))
        rows = [_row(state) for state in answers[-1].services]
        headings = ("service", "revision", "running", "health", "image", "deployed", "last failure")
        screen.table(f"{stack} on {each.name}", headings, rows)
    screen.result({"stack": stack, "clouds": answers})
    bad = [state for answer in answers for state in answer.services if state.health not in _FINE]
    screen.line("" if not bad else f"\n[red]{len(bad)} not healthy[/]: {', '.join(state.service for state in bad)}")
    return Exit.FINDING if bad else Exit.OK


def smoke_test(stack: Stack = "local", cloud: OnlyCloud = None, as_json: Json = False) -> int:
    """Make one real trade through the gateway, and tidy up after it. Exit code 1 if it does not go through."""
    screen, place = Screen(as_json=as_json), place_of(stack)
    results: dict[str, object] = {}
    passed = True
    for each in open_clouds(place, cloud):
        exchange = Exchange(place.output(each.name, "gatewayUrl"), place.output(each.name, "apiKey"))
        screen.line(f"[bold]{stack} on {each.name}[/]  [dim]{escape(exchange.gateway_url)}[/]")
        with screen.working("trading"):
            outcome = smoke(exchange, each.headers(), lambda step: screen.line(f"  [green]✓[/] {STEPS[step]}"))
        if outcome.failure:
            screen.line(f"  [red]✗ {escape(outcome.failure)}[/]")
        if outcome.tidied:
            screen.line(f"  tidied: {', '.join(outcome.tidied)}")
        for text in outcome.left:
            screen.line(f"  [yellow]! left behind: {escape(text)}[/]")
        screen.line(f"  {'passed' if outcome.passed else 'FAILED'} in {outcome.seconds:.1f} s\n")
        passed &= outcome.passed
        results[each.name] = {"passed": outcome.passed, "seconds": round(outcome.seconds, 3), "outcome": outcome}
        if not outcome.steps and "does not answer" in outcome.failure:
            screen.result(results)
            raise Unreachable(
                f"{exchange.gateway_url} does not answer",
                f"`aexctl status --stack {stack}` says which service does not run.",
            )
    screen.result(results)
    return Exit.OK if passed else Exit.FINDING


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(doctor)
    app.command()(status)
    app.command("smoke")(smoke_test)


def _examined(cloud: Cloud) -> list[Finding]:
    """All findings; a check that cannot go on ends them, with its own reason as the last one."""
    found: list[Finding] = []
    try:
        found.extend(cloud.doctor())
    except OpsError as error:
        found.append(Finding("cloud", Verdict.FAILED, error.what, error.remedy))
    return found


def _with_remedy(finding: Finding) -> str:
    return f"{finding.detail}\n→ {finding.remedy}" if finding.remedy else finding.detail


def _row(state: ServiceState) -> tuple[str, ...]:
    running = "?" if state.running is None else str(state.running)
    return (
        state.service,
        state.revision,
        f"{running}/{state.desired}" if state.desired else running,
        health(state.health),
        short_digest(state.digest),
        ago(state.deployed),
        escape(state.reason),
    )


__all__ = ["doctor", "register", "smoke_test", "status"]
