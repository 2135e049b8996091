"""The three ways to the gateway: what stands in front of it, and what becomes of a client's headers on the way."""

import asyncio
import datetime
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from tests.infra.components.expected import PORTS
from tests.infra.gcp.stacks import INVOKER, NUMBER, PROJECT, REGION, SERVICE, access, environment, stack
from tests.infra.mocks import Run

RUN_APP = f"https://aex-gateway-staging-{NUMBER}.{REGION}.run.app"
PROXY = "gcp:compute/targetHttpsProxy:TargetHttpsProxy"
POLICY = "gcp:compute/securityPolicy:SecurityPolicy"


@pytest.mark.parametrize("mode", ["public", "loadbalancer", "iam"])
def test_nine_services_are_internal_in_every_mode(mode: str) -> None:
    for service in access(mode).of(SERVICE):
        if service.name != "aex-gateway":
            assert service.inputs["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"
            assert service.inputs["invokerIamDisabled"] is False


@pytest.mark.parametrize(
    ("mode", "ingress", "unchecked", "url", "proxies"),
    [
        ("public", "INGRESS_TRAFFIC_ALL", True, RUN_APP, "1"),
        ("loadbalancer", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", True, "https://aex.example.org", "2"),
        ("iam", "INGRESS_TRAFFIC_ALL", False, RUN_APP, "1"),
    ],
)
def test_the_gateways_door(mode: str, ingress: str, unchecked: bool, url: str, proxies: str) -> None:
    run = access(mode)
    gateway = run.one(SERVICE, "aex-gateway")
    assert gateway.inputs["ingress"] == ingress
    assert gateway.inputs["invokerIamDisabled"] is unchecked
    assert run.outputs["gcp"]["gatewayUrl"] == url
    assert environment(gateway)["TRUSTED_PROXY_HOPS"] == proxies
    least = gateway.inputs["scaling"]["minInstanceCount"]
    assert environment(gateway)["GATEWAY_INSTANCES"] == str(max(1, least))
    assert bool(run.of(PROXY)) is (mode == "loadbalancer")
    check = run.one("gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig").inputs
    assert check["monitoredResource"]["labels"]["host"] == url.removeprefix("https://")
    assert ("serviceAgentAuthentication" in check["httpCheck"]) is (mode == "iam")


def test_defaults_of_the_environments() -> None:
    from tests.infra.gcp.stacks import run_of, settings_of

    assert not stack("staging").of(PROXY), "staging is reached at run.app"
    assert stack("production").of(PROXY), "production has a domain here"
    closed = run_of(settings_of("production", {}))
    assert not closed.of(PROXY)
    assert closed.one(SERVICE, "aex-gateway").inputs["invokerIamDisabled"] is False, "and is closed without one"


def test_a_stack_without_a_network_is_open_to_nobody_whom_iam_does_not_know() -> None:
    run = stack("pr-12")
    assert not run.of("gcp:compute/network:Network")
    for service in run.of(SERVICE):
        assert service.inputs["ingress"] == "INGRESS_TRAFFIC_ALL"
        assert service.inputs["invokerIamDisabled"] is (service.name == "aex-gateway")
        assert "vpcAccess" not in service.inputs["template"]


def test_the_load_balancer_speaks_tls_and_sends_everybody_there() -> None:
    run = stack("production")
    assert run.one("gcp:compute/sSLPolicy:SSLPolicy").inputs["minTlsVersion"] == "TLS_1_2"
    ports = {each.inputs["portRange"] for each in run.of("gcp:compute/globalForwardingRule:GlobalForwardingRule")}
    assert ports == {"80", "443"}
    redirect = run.one("gcp:compute/uRLMap:URLMap", "http").inputs["defaultUrlRedirect"]
    assert redirect["httpsRedirect"] is True
    assert redirect["stripQuery"] is False
    backend = run.one("gcp:compute/backendService:BackendService").inputs
    assert backend["loadBalancingScheme"] == "EXTERNAL_MANAGED"
    assert "healthChecks" not in backend, "a serverless backend is refused with one"
    assert "timeoutSec" not in backend
    assert backend["securityPolicy"]
    group = run.one("gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup").inputs
    assert group["cloudRun"] == {"service": "aex-gateway"}


def test_a_given_certificate_and_zone_are_used() -> None:
    from tests.infra.gcp.stacks import run_of, settings_of

    given = f"projects/{PROJECT}/global/sslCertificates/ours"
    run = run_of(settings_of("dev-x", {"domain": "x.example.org", "certificate": given, "zone": "example-org"}))
    assert run.one(PROXY).inputs["sslCertificates"] == [given]
    assert not run.of("gcp:compute/managedSslCertificate:ManagedSslCertificate")
    record = run.one("gcp:dns/recordSet:RecordSet", "domain").inputs
    assert (record["managedZone"], record["name"], record["type"]) == ("example-org", "x.example.org.", "A")


def rules(run: Run) -> list[Mapping[str, Any]]:
    return sorted(run.one(POLICY).inputs["rules"], key=lambda rule: rule["priority"])


def test_cloud_armor_refuses_internal_routes_first_and_lets_the_contracts_traffic_through() -> None:
    found = rules(stack("production"))
    assert found[0]["action"] == "deny(404)"
    assert "'/internal/'" in found[0]["match"]["expr"]["expression"]
    assert found[1]["action"] == "throttle"
    assert found[1]["rateLimitOptions"]["exceedAction"] == "deny(429)"
    assert found[-1] == {
        "priority": 2147483647,
        "description": "Everybody else",
        "action": "allow",
        "match": {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": ["*"]}},
    }
    managed = [rule for rule in found if "evaluatePreconfiguredWaf" in str(rule)]
    assert any("cve-canary" in str(rule) for rule in managed), "Log4j"
    for rule in managed:
        (exclusion,) = rule["preconfiguredWafConfig"]["exclusions"]
        assert exclusion["requestQueryParams"] == [{"operator": "EQUALS_ANY"}], "bodies are other people's text"
    assert len({rule["priority"] for rule in found}) == len(found)
    assert all(len(rule["description"]) <= 64 for rule in found)


def test_preview_only_watches_and_off_only_refuses_internal_routes() -> None:
    from tests.infra.gcp.stacks import run_of, settings_of

    preview = rules(run_of(settings_of("dev-x", {"domain": "x.example.org", "armor": "preview"})))
    assert [rule.get("preview") for rule in preview[1:-1]] == [True] * (len(preview) - 2)
    assert "preview" not in preview[0]
    assert [rule["action"] for rule in rules(access("loadbalancer"))] == ["deny(404)", "allow"]


# --- headers, from the client to a service behind the gateway


def token(email: str, audience: str) -> str:
    """An ID token as it arrives: Cloud Run has checked it and taken the signature away."""
    expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    return jwt.encode({"email": email, "aud": audience, "exp": expires}, "x" * 32, algorithm="HS256")


def believed(service: str, run: Run, headers: Mapping[str, str]) -> str | None:
    """Whom the code of `service` takes the caller for, with the settings that this stack gives it."""
    from aex.core.service_google import GoogleCheck
    from aex.core.settings import Settings

    variables = environment(run.one(SERVICE, service))
    settings = Settings(
        AEX_SERVICE_AUTH="google",  # pyright: ignore[reportCallIssue]  (fields are set by their variables' names)
        AEX_SERVICE_URL=variables["AEX_SERVICE_URL"],  # pyright: ignore[reportCallIssue]
        AEX_SERVICE_KEYS=json.loads(variables["AEX_SERVICE_KEYS"]),  # pyright: ignore[reportCallIssue]
        AEX_CALLERS=variables["AEX_CALLERS"],  # pyright: ignore[reportCallIssue]
    )
    check = GoogleCheck(settings, service)
    return check.caller({name.lower().encode(): value.encode() for name, value in headers.items()})


def forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    """What of a client's headers the gateway lets a service behind it see."""
    from aex.gateway import headers as gateway

    sent = gateway.forwarded([(name.lower().encode(), value.encode()) for name, value in headers.items()])
    return {name.decode(): value.decode() for name, value in sent}


@pytest.fixture
def metadata_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Cloud Run's, beside the gateway: it gives tokens of the gateway's account to whoever asks from inside."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Metadata-Flavor"] == "Google"
            (audience,) = parse_qs(urlsplit(self.path).query)["audience"]
            body = token(f"aex-gateway-staging@{PROJECT}.iam.gserviceaccount.com", audience).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # the name is the standard library's
            return

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def proven(url: str) -> Mapping[str, str]:
    """What the code of a service adds to a call to `url`, as its own identity."""
    from aex.core.service_google import GoogleProof

    return asyncio.run(GoogleProof().headers("the callee", url))


@pytest.mark.usefixtures("metadata_server")
@pytest.mark.parametrize("mode", ["public", "loadbalancer", "iam"])
def test_headers_from_the_client_to_a_service_behind_the_gateway(mode: str) -> None:
    run = access(mode)
    gateway = environment(run.one(SERVICE, "aex-gateway"))
    identity = environment(run.one(SERVICE, "aex-identity"))
    forged = token(f"aex-operations-staging@{PROJECT}.iam.gserviceaccount.com", gateway["AEX_SERVICE_URL"])
    client = {
        # What Cloud Run looks at is the other header, so that this one arrives as the tenant has sent it.
        "Authorization": "Bearer aexk_tenant",
        "X-Serverless-Authorization": f"Bearer {forged}",
        "X-AEX-Service-Token": "forged",
        "X-Tenant-ID": "somebody else",
        "Accept": "application/json",
    }
    members = {each.inputs["member"] for each in run.of(INVOKER) if each.inputs["name"] == "aex-gateway-staging"}
    if mode == "iam":
        # Cloud Run has checked this header; who is not a member does not get here.
        assert members
        assert believed("aex-gateway", run, client) == "operator"
        person = token("anna@example.org", gateway["AEX_SERVICE_URL"])
        assert believed("aex-gateway", run, {**client, "X-Serverless-Authorization": f"Bearer {person}"}) is None
    else:
        # Nobody has checked it, and the gateway takes nobody's word.
        assert not members
        assert believed("aex-gateway", run, client) is None

    inside = forwarded(client)
    assert inside == {"accept": "application/json"}, "who somebody is goes on only in the gateway's own words"
    # The address that the gateway calls is the audience that identity expects, or Cloud Run would refuse the token.
    sent = proven(gateway["IDENTITY_URL"])
    assert set(sent) == {"x-serverless-authorization"}, "and `Authorization` stays free"
    assert believed("aex-identity", run, inside) is None
    assert believed("aex-identity", run, {**inside, **sent}) == "aex-gateway"
    assert believed("aex-settlement", run, {**inside, **sent}) is None, "which nobody can use elsewhere"
    assert gateway["IDENTITY_URL"] == identity["AEX_SERVICE_URL"]


def test_a_token_for_another_service_or_of_another_stack_is_nobodys() -> None:
    run = access("public")
    identity = environment(run.one(SERVICE, "aex-identity"))["AEX_SERVICE_URL"]
    ours = f"aex-gateway-staging@{PROJECT}.iam.gserviceaccount.com"
    cases = [
        (f"aex-gateway@{PROJECT}.iam.gserviceaccount.com", identity),
        (ours, f"https://aex-settlement-staging-{NUMBER}.{REGION}.run.app"),
        (f"aex-settlement-staging@{PROJECT}.iam.gserviceaccount.com", identity),
    ]
    for email, audience in cases:
        sent = {"X-Serverless-Authorization": f"Bearer {token(email, audience)}"}
        assert believed("aex-identity", run, sent) is None
    assert len(PORTS) == 10
