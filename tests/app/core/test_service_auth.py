"""Only declared services are believed: tokens of others, for others, expired or forged, are refused."""

import base64
import time
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter, Response

from aex.core.context import Caller
from aex.core.errors import ApiError
from aex.core.runtime import Definition, Runtime
from aex.core.service_auth import check_for, proof_for
from aex.core.service_google import GOOGLE_HEADER
from aex.core.service_tokens import TOKEN_HEADER, public_key
from aex.core.settings import Settings
from aex.core.wire import Json
from tests.app.support import client_of, error_code, running, settings_of

SEEDS = {name: base64.b64encode(bytes([i]) * 32).decode() for i, name in enumerate(["aex-gateway", "aex-a", "aex-b"])}
KEYS = {name: public_key(seed) for name, seed in SEEDS.items()}


def settings(name: str, callers: str = "aex-gateway,aex-a", **more: object) -> Settings:
    return settings_of(
        Settings,
        AEX_SERVICE_AUTH="token",
        AEX_SERVICE_SEED=SEEDS[name],
        AEX_SERVICE_KEYS=KEYS,
        AEX_CALLERS=callers,
        **more,
    )


async def token(caller: str, callee: str) -> str:
    headers = await proof_for(settings(caller), caller).headers(callee, "http://x")
    return headers[TOKEN_HEADER]


def presented(value: str) -> dict[bytes, bytes]:
    return {TOKEN_HEADER.encode(): value.encode()}


async def test_a_declared_caller_is_known_by_its_token() -> None:
    check = check_for(settings("aex-b"), "aex-b")
    assert check.caller(presented(await token("aex-a", "aex-b"))) == "aex-a"
    assert check.caller({}) is None


async def test_a_token_for_another_service_is_refused() -> None:
    with pytest.raises(ApiError, match="not valid"):
        check_for(settings("aex-b"), "aex-b").caller(presented(await token("aex-a", "aex-gateway")))


async def test_a_caller_that_the_catalog_does_not_declare_is_refused() -> None:
    with pytest.raises(ApiError, match="not declared"):
        check_for(settings("aex-b", callers="aex-gateway"), "aex-b").caller(presented(await token("aex-a", "aex-b")))


def forged(**claims: object) -> str:
    now = int(time.time())
    stranger = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    body = {"iss": "aex-a", "aud": "aex-b", "iat": now, "exp": now + 60, **claims}
    return jwt.encode(body, stranger, algorithm="EdDSA")


def unsigned() -> str:
    return jwt.encode({"iss": "aex-a", "aud": "aex-b", "exp": int(time.time()) + 60}, key="", algorithm="none")


def expired() -> str:
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(SEEDS["aex-a"]))
    return jwt.encode({"iss": "aex-a", "aud": "aex-b", "exp": int(time.time()) - 1}, key, algorithm="EdDSA")


@pytest.mark.parametrize("make", [forged, unsigned, expired, lambda: "rubbish"])
def test_forged_unsigned_expired_and_unreadable_tokens_are_refused(make: Callable[[], str]) -> None:
    with pytest.raises(ApiError) as refusal:
        check_for(settings("aex-b"), "aex-b").caller(presented(make()))
    assert refusal.value.status == 401


def test_a_missing_public_key_stops_the_start() -> None:
    with pytest.raises(ValueError, match="no public key for the declared callers"):
        check_for(
            settings_of(Settings, AEX_SERVICE_AUTH="token", AEX_SERVICE_SEED=SEEDS["aex-b"], AEX_CALLERS="aex-a"),
            "aex-b",
        )


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ({"AEX_SERVICE_AUTH": "off", "ENVIRONMENT": "production"}, "refused in ENVIRONMENT=production"),
        ({"AEX_SERVICE_AUTH": "off", "ENVIRONMENT": "staging"}, "set it to token or google"),
        ({"AEX_SERVICE_AUTH": "token"}, "needs AEX_SERVICE_SEED"),
        ({"AEX_SERVICE_AUTH": "google"}, "needs AEX_SERVICE_URL"),
    ],
)
def test_contradictory_settings_stop_the_start(values: dict[str, object], remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        settings_of(Settings, **values)


def id_token(email: str, audience: str) -> bytes:
    claims = {"email": email, "aud": audience, "exp": int(time.time()) + 60}
    return b"Bearer " + jwt.encode(claims, "stripped by the platform " * 2, algorithm="HS256").encode()


@pytest.mark.parametrize(
    ("email", "audience", "caller"),
    [
        ("a@p.iam", "https://b", "aex-a"),
        ("stranger@p.iam", "https://b", None),
        ("a@p.iam", "https://other", None),
    ],
)
def test_on_google_the_verified_claims_name_the_caller(email: str, audience: str, caller: str | None) -> None:
    google = settings_of(
        Settings,
        AEX_SERVICE_AUTH="google",
        AEX_SERVICE_URL="https://b",
        AEX_SERVICE_KEYS={"aex-a": "a@p.iam"},
        AEX_CALLERS="aex-a",
    )
    assert check_for(google, "aex-b").caller({GOOGLE_HEADER.encode(): id_token(email, audience)}) == caller


def who(_rt: Runtime[Settings]) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/who")
    @router.get("/internal/v1/who")
    async def answer(caller: Caller) -> Response:
        return Json({"service": caller.service, "tenant": caller.tenant, "scopes": sorted(caller.scopes)})

    return router


WHO = Definition("aex-b", Settings, who)
CLAIMS = {"x_tenant_id": "tenant_1", "x_aex_scopes": "work:read operator"}


async def test_only_the_gateway_may_speak_for_tenants() -> None:
    values = {"AEX_SERVICE_AUTH": "token", "AEX_SERVICE_SEED": SEEDS["aex-b"], "AEX_SERVICE_KEYS": KEYS}
    async with running(WHO, AEX_CALLERS="aex-gateway,aex-a", **values) as app:
        nobody = await client_of(app, **CLAIMS).get("/v1/who")
        assert nobody.status_code == 401 and error_code(nobody) == "service_required"
        other = client_of(app, **CLAIMS, x_aex_service_token=await token("aex-a", "aex-b"))
        assert (await other.get("/v1/who")).json() == {"service": "aex-a", "tenant": None, "scopes": []}
        gateway = client_of(app, **CLAIMS, x_aex_service_token=await token("aex-gateway", "aex-b"))
        assert (await gateway.get("/v1/who")).json()["tenant"] == "tenant_1"
        assert error_code(await gateway.get("/internal/v1/who")) == "caller_refused"
        for path in ("/health", "/ready", "/metrics"):
            assert (await client_of(app).get(path)).status_code == 200


async def test_where_clients_arrive_no_identity_header_is_believed() -> None:
    async with running(Definition("aex-gateway", Settings, who, outside=True)) as app:
        answer = await client_of(app, **CLAIMS).get("/v1/who")
        assert answer.json() == {"service": None, "tenant": None, "scopes": []}
