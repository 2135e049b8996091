"""What all parts of the configuration share: closed sections and the value types that occur in several of them.

A section is one object of a stack's config. Keys are written in camelCase, as everywhere in Pulumi; a key that is not a
field is refused (`report.py` turns that into a sentence with a suggestion).
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from typing import Annotated, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra.components.catalog import CATALOG

Value = TypeVar("Value")


class Section(BaseModel):
    """A closed, frozen object of the config."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=False,
        validate_default=True,
        hide_input_in_errors=True,
    )


def did_you_mean(word: str, known: list[str]) -> str:
    """A remedy for a word that is not among `known`: the closest one, or all of them."""
    beginning = [candidate for candidate in known if len(word) > 2 and candidate.startswith(word)]
    close = beginning or difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"use one of {', '.join(known)}"


def _known_service(name: str) -> str:
    if name not in CATALOG.names:
        raise ValueError(f"{name!r} is not a service: {did_you_mean(name, list(CATALOG.names))}")
    return name


def _e_mail(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        raise ValueError(f"{text!r} is not an e-mail address: write it as name@example.org")
    return text


def _domain(text: str) -> str:
    label = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
    if len(text) > 253 or not re.fullmatch(rf"{label}(\.{label})+", text):
        raise ValueError(
            f"{text!r} is not a domain name: write it in lower case without scheme, port or path, as in aex.example.org"
        )
    return text


def _private_network(text: str) -> str:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an IPv4 network ({error}): write it as in 10.20.0.0/16") from error
    if not network.is_private:
        raise ValueError(f"{text} is not a private network: take one from 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
    return text


ServiceName: TypeAlias = Annotated[str, AfterValidator(_known_service)]
"""The name of a service in the catalog."""

PerService: TypeAlias = dict[ServiceName, Value]
"""Something for some of the services, by name."""

EMail: TypeAlias = Annotated[str, AfterValidator(_e_mail)]
Domain: TypeAlias = Annotated[str, AfterValidator(_domain)]
PrivateNetwork: TypeAlias = Annotated[str, AfterValidator(_private_network)]

RestartToken: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
"""Any short text; a new one restarts the service."""
