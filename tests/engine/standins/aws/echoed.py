"""Types that moto lacks: the parameters are checked against AWS's service model, then the inputs are echoed.

What that proves: the call would have the form that AWS asks for. Nothing is applied, and nothing but `World` remembers
them; a composite alarm's rule is read besides, because AWS refuses one that names an alarm which does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from botocore.validate import ParamValidator

from infra.components.protocol import Context, Created, PlainProperties, ProviderError, Resource
from tests.engine.standins.aws.account import Account
from tests.engine.standins.aws.translate import Names, UntranslatableError, parameters, shape_of
from tests.engine.standins.checked import CheckedKind
from tests.engine.standins.traits import Name, Traits, fixed
from tests.engine.standins.world import World


@dataclass(frozen=True, slots=True)
class EchoedRow:
    """The operation whose parameters the inputs are."""

    service: str
    operation: str
    traits: Traits
    names: Names = field(default_factory=dict)
    also: Callable[[Account, PlainProperties], None] | None = None


class EchoedKind(CheckedKind):
    """One type, checked and echoed."""

    def __init__(self, token: str, world: World, row: EchoedRow, account: Account) -> None:
        """Serve the type; the account is asked only for what the inputs refer to."""
        super().__init__(token, world, row.traits)
        self.row, self.account = row, account

    def make(self, context: Context, inputs: PlainProperties) -> Created:
        """Check and echo."""
        self._check(inputs)
        return super().make(context, inputs)

    def change(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        """Check and echo."""
        self._check(inputs)
        return super().change(context, resource, inputs)

    def _check(self, inputs: PlainProperties) -> None:
        client = self.account.client(self.row.service)
        try:
            given = parameters(client, self.row.operation, inputs, self.row.names)
        except UntranslatableError as error:
            raise ProviderError(f"{self.token}: {error}") from error
        report = ParamValidator().validate(given, shape_of(client, self.row.operation))
        if report.has_errors():
            raise ProviderError(f"{self.token}: {self.row.operation}: {report.generate_report()}")
        if self.row.also:
            with self.account.lock:
                self.row.also(self.account, inputs)


def _its_alarms_exist(account: Account, inputs: PlainProperties) -> None:
    named = re.findall(r'(?:ALARM|OK|INSUFFICIENT_DATA)\("([^"]+)"\)', str(inputs["alarmRule"]))
    found = account.client("cloudwatch").describe_alarms(AlarmNames=named)["MetricAlarms"]
    if lost := sorted(set(named) - {each["AlarmName"] for each in found}):
        raise ProviderError(
            f"An error occurred (ValidationError): Could not save the composite alarm as alarms {lost} in the rule "
            "do not exist"
        )


ECHOED: Mapping[str, EchoedRow] = {
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": EchoedRow(
        "cloudwatch",
        "put_composite_alarm",
        Traits(
            id="{alarmName}",
            name=Name("alarmName", r"[^\x00-\x1f]+", 255, auto=False),
            outputs={"arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{alarmName}"},
            replace_on=fixed("alarmName"),
        ),
        also=_its_alarms_exist,
    ),
    "aws:cloudwatch/queryDefinition:QueryDefinition": EchoedRow(
        "logs", "put_query_definition", Traits(name=Name(pattern=r"[^:*]+", limit=255, auto=False))
    ),
}

__all__ = ["ECHOED", "EchoedKind", "EchoedRow"]
