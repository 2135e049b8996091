"""What an account has before any stack of an environment comes: what stack `bootstrap`, or a person, has made."""

from __future__ import annotations

import json

from infra.aws.context import BOUNDARY_NAME
from tests.engine.standins.aws.account import Account

_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def bootstrapped(account: Account) -> None:
    """The permissions boundary that every role of the project names."""
    account.client("iam").create_policy(PolicyName=BOUNDARY_NAME, PolicyDocument=json.dumps(_ALL))
    account.settled()


def zone(account: Account, name: str) -> str:
    """A public zone in Route 53, which people own; its id."""
    made = account.client("route53").create_hosted_zone(Name=name, CallerReference=name)
    account.settled()
    return str(made["HostedZone"]["Id"]).rpartition("/")[2]


__all__ = ["bootstrapped", "zone"]
