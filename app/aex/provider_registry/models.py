"""What clients send to the registry (contract 4.2), and the bounds that keep a document and its index small."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from aex.core import money
from aex.core.wire import FreeObject, FreeValue, Name, Text, Wire, pack
from aex.provider_registry.globs import MAX_LENGTH, parse

MAX_CAPABILITIES = 100
MAX_CATEGORIES = 50
MAX_SUBSCRIPTIONS = 50
"""Subscriptions of one provider."""
MAX_SKILLS = 100
MAX_SKILL_KEYS = 500
"""Different tags and ids of all skills of one card: entries of its index."""
MAX_METADATA_BYTES = 16_384
MAX_CARD_BYTES = 262_144


def _category(pattern: str) -> str:
    if not pattern.strip():
        raise ValueError("must not be blank")
    parse(pattern)
    return pattern


def _small(limit: int, what: str) -> AfterValidator:
    def check(value: FreeObject) -> FreeObject:
        if len(pack(value)) > limit:
            raise ValueError(f"{what} must be at most {limit} bytes of JSON")
        return value

    return AfterValidator(check)


def _budget(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    micro = money.micro_from_number(value)
    if micro < 0:
        raise ValueError("must not be negative")
    return micro


Budget = Annotated[int, BeforeValidator(_budget), WithJsonSchema({"type": "number", "minimum": 0})]
"""A JSON number of 0 or more, in micro-units once validated."""
Label = Annotated[Text, Field(max_length=128)]
"""A capability, a tag, a region."""
Url = Annotated[Text, Field(max_length=2048)]
Category = Annotated[Text, Field(max_length=MAX_LENGTH), AfterValidator(_category)]


class Registration(Wire):
    """`POST /v1/providers`."""

    name: Annotated[Text, Field(max_length=256)] = ""
    endpoint: Url = ""
    bid_webhook: Url = ""
    description: Annotated[Text, Field(max_length=10_000)] = ""
    contact_email: Annotated[Text, Field(max_length=320)] = ""
    capabilities: Annotated[list[Label], Field(max_length=MAX_CAPABILITIES)] = Field(default_factory=list[Label])
    metadata: Annotated[FreeObject, _small(MAX_METADATA_BYTES, "metadata")] | None = None


class Filters(Wire):
    """What work a subscriber does not want to hear of."""

    min_budget: Budget | None = None
    max_latency_ms: Annotated[int, Field(ge=0, le=2**53)] | None = None
    regions: Annotated[list[Label], Field(max_length=100)] | None = None


class Delivery(Wire):
    """How a subscriber hears of work."""

    method: Literal["webhook", "polling", ""] = ""
    webhook_url: Url = ""
    webhook_secret: Annotated[Text, Field(max_length=512)] = ""


class SubscriptionRequest(Wire):
    """`POST /v1/subscriptions`."""

    provider_id: Text = ""
    categories: Annotated[list[Category], Field(max_length=MAX_CATEGORIES)] = Field(default_factory=list[Category])
    filters: Filters = Filters()
    delivery: Delivery = Delivery()


class Skill(Wire):
    """One skill of an agent card."""

    id: Label = ""
    name: Annotated[Text, Field(max_length=512)] = ""
    description: Text = ""
    tags: Annotated[list[Label], Field(max_length=100)] = Field(default_factory=list[Label])
    examples: list[FreeValue] = Field(default_factory=list[FreeValue])
    inputModes: list[Text] = Field(default_factory=list[Text])
    outputModes: list[Text] = Field(default_factory=list[Text])


class Extension(Wire):
    """A protocol extension that an agent speaks."""

    uri: Text = ""
    description: Text = ""
    required: bool = False


class CardCapabilities(Wire):
    """What an agent's endpoint can do."""

    streaming: bool = False
    pushNotifications: bool = False
    stateTransitionHistory: bool = False
    extensions: Annotated[list[Extension], Field(max_length=100)] = Field(default_factory=list[Extension])


class Organization(Wire):
    """Who stands behind an agent."""

    organization: Text = ""
    url: Text = ""


class AgentCard(Wire):
    """An A2A agent card; fields that A2A has and we do not know are left out."""

    name: Text = ""
    url: Url = ""
    description: Text = ""
    version: Text = ""
    provider: Organization | None = None
    documentationUrl: Text = ""
    capabilities: CardCapabilities = CardCapabilities()
    skills: Annotated[list[Skill], Field(max_length=MAX_SKILLS)] = Field(default_factory=list[Skill])


class KeyQuestion(Wire):
    """`POST /internal/v1/providers/validate-key`."""

    api_key: Name


__all__ = [
    "MAX_CARD_BYTES",
    "MAX_SKILL_KEYS",
    "MAX_SUBSCRIPTIONS",
    "AgentCard",
    "KeyQuestion",
    "Registration",
    "SubscriptionRequest",
]
