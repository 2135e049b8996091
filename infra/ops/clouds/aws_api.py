"""AWS as the operator's tools ask it: one call, or all pages of one, and what it refuses in words with a remedy.

boto3 has no types; here is the only place that touches it, and everything that leaves is plain data. It is loaded with
the first call, since that takes a third of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final, Protocol, cast

from infra.ops.clouds.answers import Json, items, text
from infra.ops.faults import OpsError, Unreachable

_LOGIN: Final = (
    "Log in (`aws sso login`, `aws configure`), or set AWS_PROFILE; `aws sts get-caller-identity` shows who you are."
)
_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "AuthFailure",
        "SignatureDoesNotMatch",
        "RequestExpired",
    }
)
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})


class AwsRefusal(OpsError):
    """AWS answered with an error; `name` is its own word for it."""

    def __init__(self, name: str, what: str, remedy: str) -> None:
        """Keep AWS's word beside ours."""
        super().__init__(what, remedy)
        self.name = name

    @property
    def denied(self) -> bool:
        """Whether a permission is missing."""
        return self.name in _DENIED

    @property
    def missing(self) -> bool:
        """Whether what was asked for does not exist."""
        return "NotFound" in self.name or self.name in ("NoSuchEntity", "NoSuchBucket", "NoSuchResourceException")


class _Session(Protocol):
    def client(self, service: str, *, config: object) -> object: ...


class AwsApi:
    """One account and region, with the credentials of the environment or of a profile."""

    def __init__(self, region: str, profile: str | None = None) -> None:
        """Connect to nobody yet."""
        self.region = region
        self._profile = profile
        self._clients: dict[str, object] = {}

    def call(self, service: str, operation: str, **arguments: object) -> Json:
        """The answer of `service` to `operation`, in boto3's names. Raises `AwsRefusal` and `Unreachable`."""
        from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]
        from botocore.parsers import ResponseParserError  # pyright: ignore[reportMissingTypeStubs]

        try:
            method = cast("Callable[..., Json]", getattr(self._client(service), operation))
            return method(**arguments)
        except ClientError as error:
            response = cast("Mapping[str, Mapping[str, str]]", error.response)  # pyright: ignore[reportUnknownMemberType]
            raise _refusal(service, operation, response.get("Error", {})) from None
        except BotoCoreError as error:
            raise Unreachable(f"AWS cannot be asked in {self.region}: {error}", _LOGIN) from None
        except ResponseParserError:
            raise Unreachable(
                f"what answers {service}'s {operation} is not AWS",
                "Look whether a proxy is in between (HTTPS_PROXY), and what AWS_ENDPOINT_URL says; then try again.",
            ) from None

    def pages(self, service: str, operation: str, key: str, **arguments: object) -> list[Json]:
        """What all pages of `operation` have under `key`."""
        found: list[Json] = []
        token: dict[str, object] = {}
        while True:
            answer = self.call(service, operation, **arguments, **token)
            found += items(answer, key)
            token = _next(answer)
            if not token:
                return found

    def account(self) -> str:
        """The number of the account that the credentials belong to."""
        return text(self.call("sts", "get_caller_identity"), "Account")

    def _client(self, service: str) -> object:
        if service not in self._clients:
            from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]

            config = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 5})
            self._clients[service] = self._session.client(service, config=config)
        return self._clients[service]

    @cached_property
    def _session(self) -> _Session:
        import boto3  # pyright: ignore[reportMissingTypeStubs]
        from botocore.exceptions import BotoCoreError  # pyright: ignore[reportMissingTypeStubs]

        try:
            return cast("_Session", boto3.Session(profile_name=self._profile, region_name=self.region))
        except BotoCoreError as error:
            raise Unreachable(f"there are no credentials for AWS: {error}", _LOGIN) from None


def _next(answer: Json) -> dict[str, object]:
    """What the next call must say to go on, in the words of the service that answered; empty at the end."""
    for given, taken in (
        ("nextToken", "nextToken"),
        ("NextToken", "NextToken"),
        ("PaginationToken", "PaginationToken"),
        ("Marker", "Marker"),
        ("NextMarker", "Marker"),
    ):
        if answer.get(given):
            return {taken: answer[given]}
    return {}


def _refusal(service: str, operation: str, error: Mapping[str, str]) -> OpsError:
    name, said = error.get("Code", "an error"), error.get("Message", "")
    if name in _CREDENTIALS:
        return Unreachable(f"AWS does not accept the credentials: {said}", _LOGIN)
    remedy = (
        "Ask for the permission, or use an identity that has it (bootstrap's roles)."
        if name in _DENIED
        else "Look at what it says; `aexctl doctor` checks the account."
    )
    return AwsRefusal(name, f"AWS refuses {service}:{operation}: {said} ({name})", remedy)


__all__ = ["AwsApi", "AwsRefusal"]
