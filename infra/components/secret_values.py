"""The values of the catalog's secrets: one set for a stack, on whatever clouds it is.

So an API key that was hashed on one cloud is known on the other, which is what lets an exchange move. Values are made
by the `random` provider and travel as Pulumi secrets. Does not own where a cloud keeps them (its `secrets.py`), nor
keys that services sign with, of which each cloud has its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_random as random

from infra.components.environment import secret_variables
from infra.components.rotation import SECRET_BYTES, VALUE_PREFIXES, versions, written
from infra.components.table import Catalog


class SecretValues(pulumi.ComponentResource):
    """All values of all secrets. Belongs to the stack, not to a platform: it stays when a cloud is dropped."""

    in_use: Mapping[str, pulumi.Output[str]]
    """Secret -> its current value; a Pulumi secret."""
    written: Mapping[str, pulumi.Output[str]]
    """Secret -> the text with every version that receivers know (`rotation.py`); a Pulumi secret."""

    def __init__(
        self,
        catalog: Catalog,
        current: Mapping[str, int],
        opts: pulumi.ResourceOptions | None = None,
        *,
        protect: bool = False,
    ) -> None:
        """Make them; `current` is secret -> version in use, 1 where it is not named, and kept if `protect`.

        Other versions are not protected: a rotation, or taking one back, drops one of them, in production too.
        """
        super().__init__("agent-exchange:components:SecretValues", "secrets", None, opts)
        in_use: dict[str, pulumi.Output[str]] = {}
        texts: dict[str, pulumi.Output[str]] = {}
        for name in (secret.name for secret in catalog.secrets):
            readers = [each for each in catalog.services if name in secret_variables(each).values()]
            numbers = versions(current.get(name, 1), shared=len(readers) > 1)
            values = {number: self._value(name, number, protect and number == numbers[0]) for number in numbers}
            in_use[name] = values[numbers[0]]
            texts[name] = pulumi.Output.secret(
                pulumi.Output.all(*values.values()).apply(
                    lambda found, numbers=numbers: written(
                        {number: str(value) for number, value in zip(numbers, found, strict=True)}
                    )
                )
            )
        self.in_use, self.written = in_use, texts
        self.register_outputs({})

    def _value(self, name: str, version: int, protect: bool) -> pulumi.Output[str]:
        options = pulumi.ResourceOptions(parent=self, protect=protect)
        made = random.RandomBytes(f"{name}-{version}", length=SECRET_BYTES, opts=options)
        return pulumi.Output.secret(pulumi.Output.concat(VALUE_PREFIXES.get(name, ""), made.hex))


__all__ = ["SecretValues"]
