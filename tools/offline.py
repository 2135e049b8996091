"""`make preview STACK=... CLOUD=...`: the real engine's preview of a cloud stack, with no cloud account at hand.

The unmodified Pulumi runs the unmodified program; stand-in providers (tests/engine/standins) take the place of the
clouds'. Config comes from the stack's own file; what a first preview needs and the file lacks is made up and said.
State, config and engine home are in a temporary folder, and nothing is written into the checkout.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

import yaml

from tests.engine.cloud import GITHUB, PLACES, PREBUILT, CloudStack
from tests.engine.runner import CHECKOUT
from tests.engine.standins.launch import CLOUDS, launched
from tools.process import SetupError

Config = dict[str, object]

WHAT_IT_PROVES: Final = (
    "Offline preview of stack {stack} on {clouds}: the real engine and program, against stand-ins for the clouds. It "
    "proves that config, graph, property names and types hold. It cannot see what exists in an account, nor what the "
    "cloud would refuse."
)
DOMAIN: Final = "aex.example.org"
FOUNDATION: Final[Mapping[str, object]] = {
    "vpcId": "vpc-staging",
    "publicSubnets": ["subnet-public-a", "subnet-public-b"],
    "privateSubnets": ["subnet-private-a", "subnet-private-b"],
    "dataSubnets": ["subnet-data-a", "subnet-data-b"],
    "zones": ["us-east-1a", "us-east-1b"],
    "s3PrefixList": "pl-s3",
    "endpoints": "sg-endpoints",
    "databaseGroup": "sg-docdb",
    "databaseEndpoint": "staging.docdb.example",
    "masterSecret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!cluster-1234-AbCdEf",
}
"""What an ephemeral stack on AWS takes from the one whose network and database it shares."""


def main() -> int:
    """Preview; the exit code is the engine's."""
    parser = argparse.ArgumentParser(prog="python -m tools.offline", description=__doc__)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--clouds", required=True, help=f"out of {', '.join(CLOUDS)}, with commas between")
    arguments, rest = parser.parse_known_args()
    try:
        return preview(arguments.stack, chosen(arguments.clouds), rest)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1


def chosen(text: str) -> tuple[str, ...]:
    """The clouds in `text`; SetupError when one is unknown or none is named."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names or set(names) - set(CLOUDS):
        raise SetupError(f"there is no stand-in for CLOUD={text}", "Set CLOUD to aws, gcp or aws,gcp.")
    return names


def preview(stack: str, clouds: tuple[str, ...], options: list[str]) -> int:
    """Run `pulumi preview` on the terminal."""
    if stack == "local":
        raise SetupError("the stack local is on no cloud", "Say which one: `make preview STACK=staging CLOUD=aws`.")
    config, made_up = config_of(stack, clouds, written(stack))
    # Standard output is the engine's alone, so that `--json` stays JSON.
    print(WHAT_IT_PROVES.format(stack=stack, clouds=" and ".join(clouds)), file=sys.stderr)
    if made_up:
        print(f"Not in Pulumi.{stack}.yaml, hence made up here: {', '.join(sorted(made_up))}.", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="aex-offline-") as folder, launched(clouds) as standins:
        made = CloudStack.new(Path(folder), stack, standins, clouds)
        if "aws" in clouds and (owner := owner_of(stack, config)):
            made.beside(owner, clouds).pretend({"aws": {"foundation": FOUNDATION}})
        if standins.account is not None and (zone := zone_of(config)):
            standins.account.client("route53").create_hosted_zone(Name=zone, CallerReference=zone)
        made.config = config
        made.write()
        command = ["pulumi", "preview", "--stack", stack, *options]
        return subprocess.run(command, cwd=made.root, env=made.variables(), check=False).returncode


def written(stack: str) -> Config:
    """The config in the stack's own file, without secrets, whose key is not at hand; empty when there is no file."""
    file = CHECKOUT / f"Pulumi.{stack}.yaml"
    content = cast("dict[str, Config | None]", yaml.safe_load(file.read_text()) or {}) if file.exists() else {}
    return {key: value for key, value in (content.get("config") or {}).items() if not _secret(value)}


def config_of(stack: str, clouds: tuple[str, ...], own: Config) -> tuple[Config, set[str]]:
    """The config to preview with, and the keys in it that the stack's own does not have."""
    needed: Config = {key: value for key, value in PLACES.items() if key.partition(":")[0] in clouds}
    if stack == "bootstrap":
        needed["agent-exchange:github"] = GITHUB
    else:
        # A build would ask the machine's Docker engine which images have been pushed before.
        needed["agent-exchange:image"] = PREBUILT
    if stack == "production":
        needed |= {f"agent-exchange:{cloud}": {"domain": DOMAIN} for cloud in clouds}
    missing = {key for key in needed if key not in own}
    return {**needed, **own, "agent-exchange:clouds": list(clouds)}, missing


def owner_of(stack: str, config: Config) -> str | None:
    """The stack whose database and network an ephemeral one on AWS shares, unless its config says it has its own."""
    if not stack.startswith(("pr-", "dev-")):
        return None
    section = cast("Mapping[str, Mapping[str, str]]", config.get("agent-exchange:aws", {}))
    database = section.get("database", {})
    return database.get("sharedWith", "staging") if database.get("kind", "shared") == "shared" else None


def zone_of(config: Config) -> str | None:
    """The public zone that a stack with a domain on AWS looks up: its `zone`, or the domain's parent."""
    section = cast("Mapping[str, str]", config.get("agent-exchange:aws", {}))
    domain = section.get("domain")
    return section.get("zone", domain.partition(".")[2]) if domain else None


def _secret(value: object) -> bool:
    """Whether a value, or a part of it, is encrypted."""
    if isinstance(value, dict):
        tree = cast("Mapping[str, object]", value)
        return "secure" in tree or any(_secret(item) for item in tree.values())
    return isinstance(value, list) and any(_secret(item) for item in cast("list[object]", value))


if __name__ == "__main__":
    sys.exit(main())
