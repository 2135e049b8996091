"""A stack of its own for a pull request, destroyed when it is closed or when its time is over.

    python -m infra.ops.pipelines.ephemeral up --pull-request 12
    python -m infra.ops.pipelines.ephemeral destroy --pull-request 12
    python -m infra.ops.pipelines.ephemeral expire

Where it goes is taken from the environment, as the workflow sets it: CLOUDS (a JSON list), AWS_REGION, GCP_PROJECT_ID,
GCP_REGION and PULUMI_SECRETS_PROVIDER. Its config is written for the run and is nowhere else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, cast

import yaml

from infra.ops import engine
from infra.ops.config_file import config_path, settings_of
from infra.ops.faults import OpsError, UsageFault
from infra.ops.pipelines.preview import POLICIES
from infra.ops.pipelines.shell import ask

_PREFIX: Final = "pr-"
_PLACES: Final = {
    "aws": {"AWS_REGION": "aws:region"},
    "gcp": {"GCP_PROJECT_ID": "gcp:project", "GCP_REGION": "gcp:region"},
}
"""Cloud -> variable -> key of the config."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy, destroy, or destroy what has expired; the exit code is the engine's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["up", "destroy", "expire"])
    parser.add_argument("--pull-request", type=int)
    options = parser.parse_args(arguments)
    try:
        if options.action == "expire":
            return expire(datetime.now(UTC))
        if options.pull_request is None:
            raise UsageFault("which pull request?", "Add --pull-request NUMBER.")
        stack = f"{_PREFIX}{options.pull_request}"
        return up(stack) if options.action == "up" else destroy(stack)
    except OpsError as error:
        print(error, file=sys.stderr)
        return error.code


def up(stack: str) -> int:
    """Deploy the stack, which is made if it is not there."""
    configure(stack)
    provider = _needed("PULUMI_SECRETS_PROVIDER")
    engine.read(stack, "stack", "select", "--create", "--secrets-provider", provider)
    return engine.run(stack, "up", "--yes", "--skip-preview", "--policy-pack", POLICIES)


def destroy(stack: str) -> int:
    """Destroy the stack and forget it; one that is not there is no error."""
    if stack not in _stacks():
        print(f"{stack} does not exist: nothing to destroy")
        return 0
    configure(stack)
    # The operator's own command: it drops what the stack has in another's database, and looks at what is left.
    operator = [str(engine.CHECKOUT / ".venv" / "bin" / "aexctl"), "teardown", "--stack", stack, "--confirm", stack]
    code = subprocess.run(operator, check=False).returncode
    return code or engine.run(stack, "stack", "rm", "--yes")


def expire(now: datetime) -> int:
    """Destroy every stack of a pull request that was not deployed for as long as it may live; 1 if one resists."""
    failed = 0
    for stack, updated in sorted(_stacks().items()):
        if not stack.startswith(_PREFIX):
            continue
        configure(stack)
        hours = settings_of(stack).time_to_live_hours
        if updated is not None and hours is not None and now - updated > timedelta(hours=hours):
            print(f"{stack} was deployed {updated:%Y-%m-%d %H:%M} UTC and may live {hours} hours", flush=True)
            failed += destroy(stack) != 0
    return 1 if failed else 0


def configure(stack: str) -> None:
    """Write the stack's config, unless the checkout has one."""
    file = config_path(stack)
    if file.exists():
        return
    clouds = cast("list[str]", json.loads(_needed("CLOUDS")))
    places = {key: _needed(variable) for cloud in clouds for variable, key in _PLACES[cloud].items()}
    config: Mapping[str, object] = {"agent-exchange:clouds": clouds, **places}
    provider = os.environ.get("PULUMI_SECRETS_PROVIDER")
    file.write_text(yaml.safe_dump({**({"secretsprovider": provider} if provider else {}), "config": dict(config)}))


def _stacks() -> dict[str, datetime | None]:
    """Stack -> when it was last deployed (UTC)."""
    text = ask("pulumi", "stack", "ls", "--json", "--non-interactive", env=engine.environment(_PREFIX))
    listed = cast("Sequence[Mapping[str, object]]", json.loads(text))
    return {str(each["name"]): _time(each.get("lastUpdate")) for each in listed}


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None


def _needed(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise UsageFault(f"{variable} is not set", "Set it as docs/pipelines.md says.")
    return value


if __name__ == "__main__":
    sys.exit(main())
