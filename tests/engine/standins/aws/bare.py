"""The stand-in for AWS without an engine: resources by short names, straight to the provider."""

from __future__ import annotations

from typing import Any

from infra.components.protocol import Context, PlainProperties, Resource
from tests.engine.standins.aws import aws_provider, aws_world
from tests.engine.standins.aws.account import Account
from tests.engine.standins.aws.preparations import bootstrapped

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
TAGS: PlainProperties = {"tags": {"Name": "aex"}}


class Cloud:
    """The provider without an engine: resources by a short name."""

    def __init__(self) -> None:
        self.account = Account()
        bootstrapped(self.account)
        self.world = aws_world()
        self.provider = aws_provider(self.world, self.account)
        self.made: dict[str, tuple[str, Resource]] = {}

    def urn(self, token: str, name: str) -> str:
        return f"urn:pulumi:pr-1::agent-exchange::{token}::{name}"

    def create(self, token: str, name: str, /, **inputs: Any) -> Resource:
        kind, urn = self.provider.kind(token), self.urn(token, name)
        failures = list(kind.check(inputs))
        assert not failures, failures
        created = kind.create(Context(urn=urn), inputs)
        resource = Resource(urn, created.id, inputs, created.outputs)
        self.made[name] = (token, resource)
        return resource

    def update(self, name: str, /, **inputs: Any) -> Resource:
        token, old = self.made[name]
        wanted = {**old.inputs, **inputs}
        outputs = self.provider.kind(token).update(Context(urn=old.urn), old, wanted)
        self.made[name] = (token, Resource(old.urn, old.id, wanted, outputs))
        return self.made[name][1]

    def read(self, name: str) -> PlainProperties | None:
        token, resource = self.made[name]
        return self.provider.kind(token).read(Context(urn=resource.urn), resource)

    def delete(self, name: str) -> None:
        token, resource = self.made[name]
        # The world's own rule (nothing goes that something refers to) comes first; here it is AWS's that matter.
        thing = self.world.find(token, resource.id)
        assert thing is not None
        kind: Any = self.provider.kind(token)
        kind.drop(Context(urn=resource.urn), thing)
        self.world.remove(thing)


def id_of(cloud: Cloud, name: str) -> str:
    return cloud.made[name][1].id
