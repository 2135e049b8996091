"""No client can make us call our own network: by address, by odd spelling, or by a name that resolves there."""

import pytest
from aiohttp.abc import ResolveResult

from aex.core.resolver import PublicResolver
from aex.core.urls import check_url

INSIDE = [
    "https://127.0.0.1/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://169.254.169.254/latest/meta-data",
    "https://10.0.0.8",
    "https://192.168.1.1",
    "https://100.64.0.1",
    "https://0.0.0.0",
    "https://localhost",
    "https://LOCALHOST.",
    "https://db.internal",
    "https://printer.local",
    "https://2130706433",
    "https://0x7f.1",
    "https://127.1",
    "https://224.0.0.1",
    "https://[64:ff9b::7f00:1]",
    "https://[2002:7f00:1::]",
]


@pytest.mark.parametrize("url", INSIDE)
def test_private_targets_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="public"):
        check_url(url, relaxed=False)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "empty"),
        ("http://agents.example.com", "scheme must be https"),
        ("ftp://agents.example.com", "scheme must be https"),
        ("https://", "missing host"),
        ("https://exa mple.com", "missing host"),
        ("https://user:secret@agents.example.com", "user name"),
        ("https://agents.example.com:99999", "not a URL"),
        ("https://agents.example.com/" + "x" * 2048, "longer"),
    ],
)
def test_the_reason_is_the_contracts(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_url(url, relaxed=False)


@pytest.mark.parametrize("url", ["https://agents.example.com/a2a?x=1", "https://8.8.8.8:8443/hook"])
def test_public_targets_pass(url: str) -> None:
    assert check_url(url, relaxed=False) == url


def test_a_laptop_may_use_its_own_agents() -> None:
    assert check_url("http://127.0.0.1:9000/hook", relaxed=True)
    with pytest.raises(ValueError, match="scheme must be http or https"):
        check_url("gopher://127.0.0.1", relaxed=True)


@pytest.mark.parametrize(
    ("addresses", "allowed"), [(["93.184.216.34"], True), (["93.184.216.34", "10.0.0.1"], False), ([], False)]
)
async def test_names_are_checked_again_when_they_resolve(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], allowed: bool
) -> None:
    async def resolve(_self: object, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=2, proto=0, flags=0) for address in addresses
        ]

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolve)
    resolver = PublicResolver()
    if allowed:
        assert len(await resolver.resolve("agents.example.com", 443)) == 1
    else:
        with pytest.raises(OSError, match="public addresses only"):
            await resolver.resolve("agents.example.com", 443)
    await resolver.close()


@pytest.mark.parametrize(
    "url", ["https://127.0.0\u30021/x", "https://127.0.0.1\u3002/x", "https://b\u00fccher.example"]
)
@pytest.mark.parametrize("relaxed", [True, False])
def test_hosts_that_a_client_would_map_to_others_are_refused(url: str, relaxed: bool) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        check_url(url, relaxed=relaxed)
