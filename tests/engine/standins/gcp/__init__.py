"""The stand-in for Google Cloud's provider: everything is checked and echoed, and Cloud Run looks at what it is given.

Nothing here talks to Google. Beyond what `checked.py` checks, a Cloud Run service or job is created and updated only
if its service account exists, the pinned version of every secret exists, the account may read the secret, and the size
is one that Cloud Run has; all four are refusals of the real one. Permissions are not evaluated otherwise.
"""

from __future__ import annotations

from tests.engine.standins.gcp.network import NETWORK
from tests.engine.standins.gcp.run import JOB, SERVICE, RunKind
from tests.engine.standins.gcp.table import SECRET_VERSION, TABLE, SecretVersionKind
from tests.engine.standins.provider import CheckedProvider
from tests.engine.standins.world import World

PROJECT = "acme-exchange"
NUMBER = "123456789012"
REGION = "us-central1"


def gcp_world() -> World:
    """An empty project."""
    return World(place={"project": PROJECT, "number": NUMBER, "region": REGION})


def gcp_provider(world: World) -> CheckedProvider:
    """The provider in front of that project."""
    table = {**TABLE, **NETWORK}
    kinds = [
        RunKind(SERVICE, world, table[SERVICE]),
        RunKind(JOB, world, table[JOB]),
        SecretVersionKind(SECRET_VERSION, world, table[SECRET_VERSION]),
    ]
    return CheckedProvider("gcp", world, table, kinds=kinds)


__all__ = ["NUMBER", "PROJECT", "REGION", "gcp_provider", "gcp_world"]
