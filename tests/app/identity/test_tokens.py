"""Exchanging a key for a token: what it says, how long, and what happens when secrets rotate."""

import jwt
import pytest

from aex.core.tokens import InvalidToken, TokenKeys
from tests.app.identity.harness import Identity, identity
from tests.app.support import error_code

NOW = 1_795_521_600  # the test clock's noon
SECRET = "j" * 32


async def test_a_token_names_tenant_key_and_scopes_and_lives_five_minutes(id_: Identity) -> None:
    tenant_id, key, key_id = await id_.tenant()
    answer = await id_.direct.post("/v1/tokens", headers={"X-API-Key": key})
    body = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert {name: body[name] for name in ("token_type", "expires_in", "expires_at", "scopes")} == {
        "token_type": "Bearer",
        "expires_in": 300,
        "expires_at": "2026-11-24T12:05:00Z",
        "scopes": ["*"],
    }
    claims = jwt.decode(
        body["token"],
        SECRET,
        algorithms=["HS256"],
        audience="aex-gateway",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert (claims["iss"], claims["sub"], claims["key_id"], claims["scopes"]) == (
        "aex-identity",
        tenant_id,
        key_id,
        ["*"],
    )
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 300) and len(claims["jti"]) == 32
    assert jwt.get_unverified_header(body["token"])["kid"] == "1"


async def test_a_token_can_be_narrower_and_shorter_but_never_wider_or_longer(id_: Identity) -> None:
    tenant_id, _, _ = await id_.tenant()
    key, _ = await id_.key(tenant_id, scopes=["work:*", "bids:read"])
    narrow = await id_.direct.post("/v1/tokens", json={"api_key": key, "scopes": ["work:read"], "ttl_seconds": 10})
    assert (narrow.json()["scopes"], narrow.json()["expires_in"]) == (["work:read"], 10)
    for scopes in (["*"], ["bids:write"], ["operator"], ["work:read", "trust:read"]):
        answer = await id_.direct.post("/v1/tokens", json={"api_key": key, "scopes": scopes})
        assert (answer.status_code, error_code(answer)) == (403, "insufficient_scope"), scopes
    for seconds in (0, -5, 901, "60", 1.5):
        answer = await id_.direct.post("/v1/tokens", json={"api_key": key, "ttl_seconds": seconds})
        assert answer.status_code == 400, seconds


async def test_a_token_ends_with_its_key(id_: Identity) -> None:
    tenant_id, _, _ = await id_.tenant()
    key, _ = await id_.key(tenant_id, expires_at="2026-11-24T12:00:30Z")
    assert (await id_.direct.post("/v1/tokens", json={"api_key": key})).json()["expires_in"] == 30


async def test_no_key_no_token(id_: Identity) -> None:
    assert (await id_.direct.post("/v1/tokens")).status_code == 400
    assert (await id_.direct.post("/v1/tokens", json={"api_key": "aexk_" + "1" * 64})).status_code == 401
    assert (await id_.direct.post("/v1/tokens", content="{", headers={"X-API-Key": "x"})).status_code == 400


async def test_the_signing_secret_rotates_without_asking_clients() -> None:
    """JWT secret rotation: tokens of the previous version verify until it is dropped."""
    previous, newest = f"1:{SECRET}", "2:" + "k" * 32
    async with identity(JWT_SECRET=previous) as id_:
        _, key, _ = await id_.tenant()
        old = (await id_.direct.post("/v1/tokens", json={"api_key": key})).json()["token"]
    async with identity(JWT_SECRET=f"{newest},{previous}") as id_:
        _, key, _ = await id_.tenant()
        new = (await id_.direct.post("/v1/tokens", json={"api_key": key})).json()["token"]
    assert jwt.get_unverified_header(new)["kid"] == "2"
    both, last = TokenKeys(f"{newest},{previous}"), TokenKeys(newest)
    assert both.verify(old, NOW).expires == both.verify(new, NOW).expires == NOW + 300
    last.verify(new, NOW)
    with pytest.raises(InvalidToken):
        last.verify(old, NOW)


def forged(claims: dict[str, object], secret: str = SECRET, algorithm: str = "HS256", kid: str = "1") -> str:
    whole = {
        "iss": "aex-identity",
        "aud": "aex-gateway",
        "sub": "t",
        "key_id": "k",
        "scopes": ["*"],
        "iat": NOW,
        "exp": NOW + 60,
    }
    kept = {name: value for name, value in {**whole, **claims}.items() if value is not None}
    return jwt.encode(kept, secret, algorithm=algorithm, headers={"kid": kid})


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        forged({}, secret="x" * 32),
        forged({}, kid="2"),
        forged({}, secret="", algorithm="none"),
        forged({}, algorithm="HS384"),
        forged({"aud": "aex-settlement"}),
        forged({"iss": "somebody"}),
        forged({"exp": NOW}),
        forged({"exp": None}),
        forged({"exp": "soon"}),
        forged({"key_id": None}),
        forged({"key_id": 7}),
        forged({"scopes": "work:read"}),
        forged({"sub": None}),
        forged({})[:-2],
    ],
)
def test_only_tokens_of_identity_verify(token: str) -> None:
    """Any bearer string is an authenticated admin (upstream)."""
    with pytest.raises(InvalidToken):
        TokenKeys(f"1:{SECRET}").verify(token, NOW)
    assert TokenKeys(f"1:{SECRET}").verify(forged({}), NOW).scopes == {"*"}


def test_short_secrets_are_refused_with_a_remedy() -> None:
    with pytest.raises(ValueError, match="JWT_SECRET is too short: each version must have at least 32"):
        TokenKeys("1:" + "x" * 31)
    with pytest.raises(ValueError, match="JWT_SECRET is empty"):
        TokenKeys(" , ")
