"""All stand-ins in one process, attached to the engine by PULUMI_DEBUG_PROVIDERS.

In a test: `with launched() as standins: run(["pulumi", ...], env={**os.environ, **standins.environment})`.

On the command line, for a shell of one's own (they end when the command does, or with Ctrl-C):

    .venv/bin/python -m tests.engine.standins.launch -- pulumi preview --stack staging
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.components.protocol import Provider, start
from infra.components.protocol.servicer import Servicer
from tests.engine.standins.docker import DockerWorld, docker_provider
from tests.engine.standins.gcp import gcp_provider, gcp_world
from tests.engine.standins.random import random_provider
from tests.engine.standins.world import World

if TYPE_CHECKING:
    from tests.engine.standins.aws import Account

CLOUDS = ("aws", "gcp")


@dataclass
class Standins:
    """Running stand-ins and the worlds behind them."""

    gcp: World = field(default_factory=gcp_world)
    docker: DockerWorld = field(default_factory=DockerWorld)
    random: World = field(default_factory=World)
    aws: World = field(default_factory=World)
    account: Account | None = None
    """What is behind the one for AWS: moto."""
    ports: dict[str, int] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)
    """Further variables that programs and engine need."""
    servicers: list[Servicer] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What attaches the engine to them."""
        attached = ",".join(f"{name}:{port}" for name, port in sorted(self.ports.items()))
        return {"PULUMI_DEBUG_PROVIDERS": attached, **self.more}

    @property
    def worlds(self) -> Mapping[str, World]:
        """By provider."""
        return {"aws": self.aws, "gcp": self.gcp, "docker": self.docker, "random": self.random}

    def calm(self) -> None:
        """No more failures and delays, and whatever was cancelled goes on."""
        self.resume()
        for world in self.worlds.values():
            world.calm()

    def resume(self) -> None:
        """A real provider ends with its engine; these outlive one that was interrupted."""
        for servicer in self.servicers:
            servicer.cancelled.clear()


@contextmanager
def launched(clouds: tuple[str, ...] = ("gcp",)) -> Iterator[Standins]:
    """Run the stand-ins for these clouds, and for what every stack uses besides."""
    standins = Standins()
    with ExitStack() as running:
        providers: list[Provider] = [random_provider(standins.random), docker_provider(standins.docker)]
        if "gcp" in clouds:
            providers.append(gcp_provider(standins.gcp))
        if "aws" in clouds:
            providers.append(_aws(standins, running))
        for provider in providers:
            server, servicer, standins.ports[provider.name] = start(provider)
            standins.servicers.append(servicer)
            running.callback(lambda server=server: server.stop(None).wait())
        yield standins


def _aws(standins: Standins, running: ExitStack) -> Provider:
    # Only here, because moto takes seconds to load.
    from tests.engine.standins.aws import Account, aws_provider, aws_world

    account = running.enter_context(Account())
    standins.account = account
    standins.aws = aws_world()
    standins.more |= account.environment
    return aws_provider(standins.aws, account)


def main(arguments: list[str]) -> int:
    """Run a command with all stand-ins attached; without one, print what attaches an engine and wait for its end."""
    with launched(CLOUDS) as standins:
        if arguments:
            return subprocess.run(arguments, env={**os.environ, **standins.environment}, check=False).returncode
        for name, value in standins.environment.items():
            print(f"export {name}={value}", flush=True)
        sys.stdin.read()
        return 0


if __name__ == "__main__":
    sys.exit(main([word for word in sys.argv[1:] if word != "--"]))

__all__ = ["CLOUDS", "Standins", "launched"]
