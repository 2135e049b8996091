"""The stand-in for AWS: what moto implements is applied to moto, the rest checked against AWS's service models.

    with Account() as account:
        provider = aws_provider(aws_world(), account)

| module | what it owns |
|---|---|
| `account` | where moto lives, clients for us, an endpoint for the program's own calls |
| `row`, `kind`, `translate` | one row of a table; how it is applied |
| `rows/*` | the tables, one per group of services |
| `guards` | what AWS refuses and moto allows |
| `shims` | DocumentDB in moto; one-off tasks that end |
| `echoed` | what moto lacks: parameters checked by botocore, the rest echoed |
| `functions` | what the program looks up |
| `left` | what an account has that a fresh one has not |

What a green run proves: every parameter has the form that AWS asks for; whatever is referred to exists at that moment;
nothing is deleted while something uses it; nothing is left. What it does not: that AWS's own limits and permissions
allow it, that a container starts, that anything works once it exists.
"""

from __future__ import annotations

from tests.engine.standins.aws.account import ACCOUNT, REGION, Account
from tests.engine.standins.aws.echoed import ECHOED, EchoedKind
from tests.engine.standins.aws.functions import functions
from tests.engine.standins.aws.kind import AwsKind, Row
from tests.engine.standins.aws.left import left_behind
from tests.engine.standins.aws.rows import access, containers, docdb, doors, edge, groups, network, s3, watching
from tests.engine.standins.aws.shims import ONE_OFF
from tests.engine.standins.provider import CheckedProvider
from tests.engine.standins.world import World

ROWS: dict[str, Row] = {
    token: row
    for table in (access, containers, docdb, doors, edge, groups, network, s3, watching)
    for token, row in table.ROWS.items()
}


def aws_world() -> World:
    """A world in moto's account."""
    return World(place={"account": ACCOUNT, "region": REGION})


def aws_provider(world: World, account: Account) -> CheckedProvider:
    """The provider; whatever it makes is in the account."""
    kinds = [AwsKind(token, world, row, account) for token, row in ROWS.items()]
    echoed = [EchoedKind(token, world, row, account) for token, row in ECHOED.items()]
    table = {
        **{token: row.traits for token, row in ROWS.items()},
        **{token: row.traits for token, row in ECHOED.items()},
    }
    return CheckedProvider("aws", world, table, kinds=[*kinds, *echoed], functions=functions(account))


__all__ = ["ACCOUNT", "ONE_OFF", "REGION", "ROWS", "Account", "aws_provider", "aws_world", "left_behind"]
