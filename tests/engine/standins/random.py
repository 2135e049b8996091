"""The stand-in for the `random` provider, which needs no cloud: its values are as random as the real ones.

Arguments and outputs are those of the types that a platform uses; a type that is not here is refused. Nothing is
echoed: what these types promise (lengths, alphabets, minimum numbers of classes, encodings) is kept.
"""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Final, cast

from infra.components.protocol import Context, Created, PlainProperties, Resource
from tests.engine.standins.checked import CheckedKind
from tests.engine.standins.provider import CheckedProvider
from tests.engine.standins.traits import Traits, fixed
from tests.engine.standins.world import World

_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_DIGITS: Final = "0123456789"
_SPECIAL: Final = "!@#$%&*()-_=+[]{}<>:?"
"""The provider's default for `overrideSpecial`."""

Made = tuple[str, PlainProperties]
"""Id and outputs."""


class RandomKind(CheckedKind):
    """One of the provider's types: whatever changes makes a new value."""

    def __init__(self, token: str, world: World, traits: Traits, value: Callable[[PlainProperties], Made]) -> None:
        """`value` makes id and outputs from the inputs."""
        super().__init__(token, world, traits)
        self._value = value

    def make(self, context: Context, inputs: PlainProperties) -> Created:
        """Draw a value."""
        id, outputs = self._value(inputs)
        return Created(id, {**inputs, **outputs})

    def look(self, context: Context, resource: Resource) -> PlainProperties | None:
        """The provider reads nothing: what it made is in the state alone."""
        return resource.outputs


def random_bytes(inputs: PlainProperties) -> Made:
    """`length` bytes in two encodings, both secret."""
    made = secrets.token_bytes(_count(inputs, "length", 0))
    # The real one's id says nothing; here two of them must differ.
    return f"none-{uuid.uuid4()}", {"base64": base64.b64encode(made).decode(), "hex": made.hex()}


def random_id(inputs: PlainProperties) -> Made:
    """`byteLength` bytes in four encodings, with the prefix in front of each."""
    made = secrets.token_bytes(_count(inputs, "byteLength", 1))
    url, prefix = base64.urlsafe_b64encode(made).decode().rstrip("="), str(inputs.get("prefix") or "")
    encoded = {
        "b64Url": url,
        "b64Std": base64.b64encode(made).decode(),
        "hex": made.hex(),
        "dec": str(int.from_bytes(made, "big")),
    }
    return url, {key: f"{prefix}{text}" for key, text in encoded.items()}


def random_string(inputs: PlainProperties) -> Made:
    """`length` characters with the wanted minimum of each class."""
    text = _text(inputs)
    return text, {**_defaults(inputs), "result": text}


def random_password(inputs: PlainProperties) -> Made:
    """The same, secret. The hash has the form of bcrypt and is none."""
    text = _text(inputs)
    return f"none-{uuid.uuid4()}", {
        **_defaults(inputs),
        "result": text,
        "bcryptHash": f"$2a$10${secrets.token_hex(26)}",
    }


def random_uuid(_: PlainProperties) -> Made:
    """A UUID of version 4."""
    made = str(uuid.uuid4())
    return made, {"result": made}


def random_integer(inputs: PlainProperties) -> Made:
    """A number from `min` to `max`, both included."""
    least, most = _count(inputs, "min", 0), _count(inputs, "max", 0)
    made = least + secrets.randbelow(most - least + 1)
    return str(made), {"result": made}


def _defaults(inputs: PlainProperties) -> PlainProperties:
    classes = {name: inputs.get(name, True) for name in ("lower", "upper", "numeric", "number", "special")}
    least: PlainProperties = {
        name: inputs.get(name, 0) for name in ("minLower", "minUpper", "minNumeric", "minSpecial")
    }
    return {**classes, **least}


def _text(inputs: PlainProperties) -> str:
    alphabets = {
        "lower": (_LOWER, "minLower"),
        "upper": (_LOWER.upper(), "minUpper"),
        "numeric": (_DIGITS, "minNumeric"),
        "special": (str(inputs.get("overrideSpecial") or _SPECIAL), "minSpecial"),
    }
    chosen = {name: pair for name, pair in alphabets.items() if inputs.get(name, True)}
    drawn = [secrets.choice(letters) for letters, least in chosen.values() for _ in range(_count(inputs, least, 0))]
    everything = "".join(letters for letters, _ in chosen.values())
    drawn += [secrets.choice(everything) for _ in range(_count(inputs, "length", 1) - len(drawn))]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)


def _count(inputs: PlainProperties, key: str, default: int) -> int:
    return int(cast("int | float | str", inputs.get(key, default)))


_TEXT = ("length", "lower", "upper", "numeric", "number", "special", "overrideSpecial", "minLower", "minUpper",
         "minNumeric", "minSpecial", "keepers")  # fmt: skip

TYPES: Final[Mapping[str, tuple[Traits, Callable[[PlainProperties], Made]]]] = {
    "random:index/randomBytes:RandomBytes": (
        Traits(replace_on=fixed("length", "keepers"), outputs={"base64": "", "hex": ""},
               secret_outputs=fixed("base64", "hex")),
        random_bytes,
    ),
    "random:index/randomId:RandomId": (Traits(replace_on=fixed("byteLength", "prefix", "keepers")), random_id),
    "random:index/randomString:RandomString": (Traits(replace_on=fixed(*_TEXT)), random_string),
    "random:index/randomPassword:RandomPassword": (
        Traits(replace_on=fixed(*_TEXT), secret_outputs=fixed("result", "bcryptHash")), random_password
    ),
    "random:index/randomUuid:RandomUuid": (Traits(replace_on=fixed("keepers")), random_uuid),
    "random:index/randomInteger:RandomInteger": (
        Traits(replace_on=fixed("min", "max", "seed", "keepers")), random_integer
    ),
}  # fmt: skip


def random_provider(world: World) -> CheckedProvider:
    """The provider."""
    table = {token: traits for token, (traits, _) in TYPES.items()}
    kinds = [RandomKind(token, world, traits, value) for token, (traits, value) in TYPES.items()]
    return CheckedProvider("random", world, table, kinds=kinds)


__all__ = ["random_provider"]
