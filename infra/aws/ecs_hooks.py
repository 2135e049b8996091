"""When the engine asks ECS: around what it does to a service. A failure fails the deployment.

What must be done again after a failure comes *before* a resource: the engine saves a resource whose later hook failed
as done, and the next `pulumi up` would pass it by. What is asked and said is in `ecs_calls.py`. Owns no resource.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import cast

import pulumi

from infra.aws.ecs_calls import DeploymentError, Ecs, aws_errors, check_running, ecs_in, explained, newest, run_once


def checked_service(name: str, before: pulumi.ResourceHook | None = None) -> pulumi.ResourceHookBinding:
    """Binds the check, and an explanation when AWS itself reports a failure, to a service; `before` comes first."""
    profile = configured_profile()

    def check(args: pulumi.ResourceHookArgs) -> None:
        outputs = cast("Mapping[str, object]", args.new_outputs or {})
        inputs = cast("Mapping[str, object]", args.new_inputs or {})
        check_running(inputs, outputs, ecs_in(str(inputs["taskDefinition"]), profile))

    def explain(args: pulumi.ErrorHookArgs) -> bool:
        if args.failed_operation in ("create", "update"):
            inputs = cast("Mapping[str, object]", args.new_inputs or {})
            pulumi.log.error(unsteady(name, inputs, ecs_in(str(inputs.get("cluster")), profile), first=first(args)))
        return False  # trying again would take as long and end the same

    def first(args: pulumi.ErrorHookArgs) -> bool:
        return args.failed_operation == "create"

    hook = pulumi.ResourceHook(f"{name}-runs-what-was-wanted", check)
    earlier = [before] if before is not None else None
    return pulumi.ResourceHookBinding(
        before_create=list(earlier) if earlier else None,
        before_update=list(earlier) if earlier else None,
        after_create=[hook],
        after_update=[hook],
        on_error=[pulumi.ErrorHook(f"{name}-explained", explain)],
    )


def unsteady(name: str, inputs: Mapping[str, object], ecs: Ecs, *, first: bool) -> str:
    """What people are told when AWS reports that a service with these inputs did not start, or not in time.

    `first`: it never ran before, so the circuit breaker had nothing to go back to.
    """
    nothing = "There is nothing to go back to yet: nothing runs.\n" if first else ""
    said = explained(str(inputs.get("cluster")), str(inputs.get("name")), ecs)
    return f"{name} did not become steady.\n{nothing}{said}"


def run_before(family: str) -> pulumi.ResourceHook:
    """A hook for services: before the first of them is made or changed, the newest revision of `family` has run.

    Once per deployment. While it fails, no service is made or changed, so that the next `pulumi up` meets them again,
    and runs it again.
    """
    profile = configured_profile()

    def connected(args: pulumi.ResourceHookArgs) -> Ecs:
        return ecs_in(str(cast("Mapping[str, object]", args.new_inputs or {})["cluster"]), profile)

    return pulumi.ResourceHook(f"{family}-ran", once(family, connected))


def once(
    family: str, connected: Callable[[pulumi.ResourceHookArgs], Ecs], *, wait: Callable[[float], None] = time.sleep
) -> Callable[[pulumi.ResourceHookArgs], None]:
    """What `run_before` calls: runs `family` at the first call, and gives every later one the same answer."""
    outcome: list[DeploymentError | None] = []

    def run(args: pulumi.ResourceHookArgs) -> None:
        if not outcome:
            outcome.append(_outcome(family, connected(args), wait))
        if outcome[0] is not None:
            raise outcome[0]

    return run


def _outcome(family: str, ecs: Ecs, wait: Callable[[float], None]) -> DeploymentError | None:
    try:
        run_once(newest(family, ecs), ecs, wait=wait)
    except DeploymentError as error:
        return error
    except aws_errors() as error:
        return DeploymentError(f"{family} could not be run ({error}): correct that, and run `pulumi up` again")
    return None


def configured_profile() -> str | None:
    """What the provider itself is told to use, so that both ask the same account."""
    return pulumi.Config("aws").get("profile")


__all__ = ["checked_service", "configured_profile", "once", "run_before", "unsteady"]
