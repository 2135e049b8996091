"""A stand-in provider: the rows of a table, each served by a `CheckedKind`, or by a kind of its own that does more.

    world = World(place={"project": "acme", "region": "us-central1"})
    provider = CheckedProvider("gcp", world, TABLE, kinds=[MyKind("gcp:x/y:Y", world, TABLE["gcp:x/y:Y"])])
    server, servicer, port = start(provider)                    # infra.components.protocol; or `launch.py` for all

`TABLE` is token -> Traits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version

from infra.components.protocol import Failure, Function, PlainProperties, Provider, ProviderError, ResourceKind
from tests.engine.standins.checked import CheckedKind, on_wire
from tests.engine.standins.traits import Traits
from tests.engine.standins.world import World
from tests.infra import arguments


class CheckedProvider(Provider):
    """A provider whose types are the rows of a table, each served by a `CheckedKind` or by a kind of its own."""

    def __init__(
        self,
        name: str,
        world: World,
        table: Mapping[str, Traits],
        *,
        kinds: Iterable[CheckedKind] = (),
        functions: Mapping[str, Function] | None = None,
    ) -> None:
        """`kinds` stand in for rows that do more than echo."""
        special = list(kinds)
        super().__init__(name, version(f"pulumi-{name}"), special, functions)
        self.world = world
        self._served: dict[str, ResourceKind] = {kind.token: kind for kind in special}
        self._table = table
        world.table.update(table)

    def kind(self, token: str) -> ResourceKind:
        """The kind of that token; a type without a row is refused, since nobody has said what is immutable in it."""
        if token not in self._served:
            if token not in self._table:
                raise ProviderError(f"the stand-in for {self.name} has no row for {token}: add one to its table")
            self._served[token] = CheckedKind(token, self.world, self._table[token])
        return self._served[token]

    def check_config(self, inputs: PlainProperties) -> Iterable[Failure]:
        """The provider's own configuration, against the SDK."""
        # The engine's own, which are no configuration of any provider.
        given = {key: value for key, value in inputs.items() if key not in ("version", "pluginDownloadURL")}
        for problem in arguments.problems(f"pulumi:providers:{self.name}", on_wire(given)):
            yield Failure("", problem)

    def configure(self, inputs: PlainProperties) -> None:
        """Texts of the configuration (project, region) are part of the place."""
        self.world.place.update({key: value for key, value in inputs.items() if isinstance(value, str)})


__all__ = ["CheckedProvider"]
