"""Reading IAM policy documents of AWS: statements with their actions, resources, principals and conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import cast

from infra.policy.properties import Properties


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy document."""

    properties: Properties

    @property
    def sid(self) -> str:
        """Its name, for messages."""
        return self.properties.text("Sid") or "without a Sid"

    @property
    def effect(self) -> str:
        """Allow or Deny."""
        return self.properties.text("Effect")

    @property
    def actions(self) -> list[str]:
        """What it is about; NotAction counts as everything."""
        return self.properties.texts("Action") or ["*"]

    @property
    def resources(self) -> list[str]:
        """What it covers; NotResource, and none at all, count as everything."""
        return self.properties.texts("Resource") or ["*"]

    @property
    def conditional(self) -> bool:
        """Whether it has a condition."""
        return self.properties.has("Condition")

    def principals(self, kind: str) -> list[str]:
        """Principals of a kind (AWS, Service, Federated); a bare `*` is of every kind."""
        given = self.properties.plain().get("Principal")
        if given == "*":
            return ["*"]
        return Properties(cast("Mapping[str, object]", given)).texts(kind) if isinstance(given, Mapping) else []

    def condition(self, key: str) -> list[str]:
        """The values that a condition key is compared with, whatever the operator."""
        return [value for values in self.conditions(key).values() for value in values]

    def conditions(self, key: str) -> dict[str, list[str]]:
        """Operator -> values that a condition key is compared with."""
        given = self.properties.plain().get("Condition")
        found: dict[str, list[str]] = {}
        if isinstance(given, Mapping):
            for operator, comparison in cast("Mapping[str, object]", given).items():
                if isinstance(comparison, Mapping):
                    values = cast("Mapping[str, object]", comparison).get(key)
                    if values is not None:
                        found[operator] = [
                            str(each).lower() if isinstance(each, bool) else str(each)
                            for each in (cast("list[object]", values) if isinstance(values, list) else [values])
                        ]
        return found

    def allows(self, action: str) -> bool:
        """Whether it allows an action, by name or by a pattern; IAM does not look at case."""
        return self.effect == "Allow" and any(fnmatchcase(action.lower(), pattern.lower()) for pattern in self.actions)


def statements(properties: Properties, path: str) -> list[Statement]:
    """The statements of the document that a property holds as JSON."""
    return [Statement(part) for part in properties.document(path).parts("Statement")]
