"""What every cloud stack goes through, as scenarios that the tests of each cloud run with their own names.

Each takes a `CloudStack` and says by assertions what has to hold. Cloud-neutral: what a stack consists of, and what is
stateful in it, is the caller's.
"""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Iterator, Sequence

from infra.ops.pipelines.preview import POLICIES
from infra.policy.model import ResourceRule, StackRule
from infra.policy.rules import RULES
from tests.engine.cloud import PATIENCE_SECONDS, CloudStack
from tests.engine.runner import Result, wait_until
from tests.engine.standins.world import Entry, Thing, World

Change = tuple[str, str, str]
"""(operation, type, name) of a resource."""

PACK = ("--policy-pack", POLICIES)
"""What lets the engine judge every resource, and the stack as a whole, by the policy pack."""
OF_RESOURCES = frozenset(rule.about.id for rule in RULES if isinstance(rule, ResourceRule))
OF_STACKS = frozenset(rule.about.id for rule in RULES if isinstance(rule, StackRule))

AFTERWARDS = frozenset({"aws-bucket-tls"})
"""Rules of stacks that only an `up` can judge: a bucket's policy names its ARN, which is not known before."""

_CUSTOM = ("aws:", "gcp:", "random:", "docker:")


def worlds(stack: CloudStack) -> Iterator[World]:
    """The worlds of the providers, without AWS's and Google's when the stack is not there."""
    yield from stack.standins.worlds.values()


def existing(stack: CloudStack) -> dict[tuple[str, str], Thing]:
    """(type, id) -> thing, of all that the stack has and was not left behind on purpose."""
    return {(thing.token, thing.id): thing for world in worlds(stack) for thing in world.left(stack.stack)}


def in_step(stack: CloudStack) -> None:
    """The state knows exactly what exists: nothing is orphaned, nothing is a ghost."""
    known = {
        (str(resource["type"]), str(resource["id"]))
        for resource in stack.resources()
        if str(resource["type"]).startswith(_CUSTOM)
    }
    assert known == set(existing(stack))


def is_made(stack: CloudStack) -> None:
    """A stack that does not exist yet is made in one `up`, which does what the preview has said.

    Every rule of the policy pack is judged, in the `up` on every resource, with everything known.
    """
    said = stack.preview(*PACK)
    assert {op for op, _, _ in said.changes} == {"create"}
    (before,) = judged(said, "policyAnalyzeStackSummaryEvent")
    assert before >= OF_STACKS - AFTERWARDS
    done = stack.up(*PACK)
    assert done.changes == said.changes
    assert judged(done, "policyAnalyzeStackSummaryEvent") == [OF_STACKS]
    assert set(judged(done, "policyAnalyzeSummaryEvent")) == {OF_RESOURCES}
    in_step(stack)


def judged(result: Result, event: str) -> list[frozenset[str]]:
    """For each resource, or for the stack, the rules that were judged and kept."""
    return [frozenset(each[event]["passed"]) for each in result.events if event in each]


def at_rest(stack: CloudStack) -> Result:
    """A further `up` changes nothing at all."""
    result = stack.up()
    assert not result.changes, sorted(result.changes)
    return result


def destroys(stack: CloudStack) -> Result:
    """A destroy succeeds at the first attempt and leaves nothing."""
    result = stack.destroy()
    assert not existing(stack), sorted(thing.urn for thing in existing(stack).values())
    return result


def refuses_destroy(stack: CloudStack, *, names: Sequence[str] = (), says: Sequence[str] = ()) -> None:
    """A protected stack refuses to be destroyed and says why, for each of `names`; everything is there as before.

    `says` are further texts that have to be in the output.

    It is the preview that refuses. With `--skip-preview` the engine deletes what is not protected until it meets
    something that is.
    """
    before = {key: thing.outputs for key, thing in existing(stack).items()}
    result = stack.watched("destroy", "--yes", fails=True, seconds=PATIENCE_SECONDS)
    for name in names:
        assert f'::{name}" cannot be deleted because it is protected' in result.words, result.output
    for text in ("remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`", *says):
        assert text in result.words, result.output
    assert {key: thing.outputs for key, thing in existing(stack).items()} == before


def breaks_off(stack: CloudStack, world: World, nth: int) -> Result:
    """The n-th creation of an `up` fails: the error is told, and the state knows what exists all the same."""
    world.fail("create", nth=nth)
    result = stack.up(fails=True)
    assert "injected by a test" in result.words, result.output
    stack.standins.calm()
    in_step(stack)
    return result


def recovers_from_every_failure(stack: CloudStack, world: World) -> int:
    """Every single creation fails once, over several `up`, of which the last succeeds; returns how many failed."""
    world.fail("create", each=True)
    while stack.up("--continue-on-error", fails=None).code != 0:
        in_step(stack)
    in_step(stack)
    made = {thing.urn for thing in world.left(stack.stack)}
    failed = {entry.urn for entry in world.log if entry.operation == "create" and entry.error}
    assert made <= failed, sorted(made - failed)
    stack.standins.calm()
    at_rest(stack)
    return len(failed)


def interrupted(stack: CloudStack, world: World, kind: str, name: str, *, operation: str = "create") -> None:
    """Ctrl-C while the cloud is at work on one resource: the engine ends, and the state knows what exists."""
    world.slow(operation, 300, kind=kind, name=name)
    process = stack.start("up", "--yes", "--skip-preview")
    try:
        wait_until(lambda: (operation, name) in world.running or process.poll() is not None, seconds=240)
        assert process.poll() is None, process.communicate()[0]
        os.killpg(process.pid, signal.SIGINT)
        output = process.communicate(timeout=120)[0]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode != 0, output
    stack.standins.calm()
    in_step(stack)


def changed(stack: CloudStack, stateful: frozenset[str] = frozenset()) -> dict[Change, tuple[str, ...]]:
    """What a preview would change -> the properties that differ; nothing stateful is replaced or deleted."""
    result = stack.preview()
    diffs = {(step.op, step.type, step.name): step.diffs for step in result.planned}
    lost = [each for each in result.changes if each[0] in ("replace", "delete") and each[1] in stateful]
    assert not lost, f"this would lose data: {lost}"
    return {change: diffs[change] for change in result.changes}


def secrets_of(stack: CloudStack) -> set[str]:
    """Every generated value that nobody may read, in the encodings in which it may turn up."""
    made: set[str] = set()
    for thing in stack.standins.random.things(stack=stack.stack):
        secret = thing.token in ("random:index/randomBytes:RandomBytes", "random:index/randomPassword:RandomPassword")
        made |= {str(thing.outputs[key]) for key in ("hex", "base64", "result") if secret and thing.outputs.get(key)}
    assert made, "the stack has generated no secret"
    return made | {base64.b64encode(value.encode()).decode().rstrip("=") for value in made}


def no_secret_shows(stack: CloudStack) -> None:
    """No generated value is in plain text in the state, its history, or anything that was ever printed or reported."""
    places = {
        "the state and its history": stack.checkpoint(),
        "outputs, events and logs": "\n".join(stack.said),
        "the detailed preview": stack.preview("--diff", "--show-sames", "--show-reads").output,
        "the outputs": stack.pulumi("stack", "output", "--json"),
    }
    assert stack.stack in places["the state and its history"]
    found = {place for place, text in places.items() for each in secrets_of(stack) if each in text}
    assert not found, f"secrets in plain text in {sorted(found)}"


def ends_before(log: Sequence[Entry], first: tuple[str, str], then: tuple[str, str]) -> None:
    """In a world's log, every deletion of `first` (type, name as patterns) has ended before any of `then` begins."""
    ended = [entry.ended for entry in log if entry.operation == "delete" and _is(entry.token, entry.name, first)]
    begun = [entry.started for entry in log if entry.operation == "delete" and _is(entry.token, entry.name, then)]
    assert ended, f"nothing matches {first}"
    assert begun, f"nothing matches {then}"
    assert max(ended) <= min(begun), f"{then} goes while {first} is there"


def _is(token: str, name: str, pattern: tuple[str, str]) -> bool:
    return pattern[0] in (token, "*") and pattern[1] in (name, "*")


__all__ = [
    "Change",
    "at_rest",
    "breaks_off",
    "changed",
    "destroys",
    "ends_before",
    "existing",
    "in_step",
    "interrupted",
    "no_secret_shows",
    "recovers_from_every_failure",
    "refuses_destroy",
    "secrets_of",
    "worlds",
]
