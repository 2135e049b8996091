"""What the local platform declares, without an engine: services, their order, their wiring, who gets which secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.config import load
from infra.local import platform
from infra.local.plugin.folder import FolderKind
from infra.local.plugin.process import ProcessKind
from infra.local.plugin.secrets import SecretKind, SigningKeyKind
from infra.local.records import CHECKOUT
from tests.infra import arguments
from tests.infra.mocks import Resource, Run, declared
from tests.infra.secrets_in_inputs import SECRET_MARK, made_secret

PORTS = {  # the deployment guide's
    "aex-gateway": 8080,
    "aex-work-publisher": 8081,
    "aex-bid-gateway": 8082,
    "aex-bid-evaluator": 8083,
    "aex-contract-engine": 8084,
    "aex-provider-registry": 8085,
    "aex-trust-broker": 8086,
    "aex-identity": 8087,
    "aex-settlement": 8088,
    "aex-telemetry": 8089,
}


def made_up(resource: Resource) -> Mapping[str, Any]:
    match resource.type:
        case "aex:local:Secret":
            value = f"{SECRET_MARK}{resource.name} value"
            return {"value": made_secret(value), "versions": made_secret(f"1:{value}")}
        case "aex:local:SigningKey":
            seed = made_secret(f"{SECRET_MARK}{resource.name} seed")
            return {"seed": seed, "publicKey": f"{resource.name} public"}
        case _:
            return {"log": "log"}


@pytest.fixture(autouse=True)
def our_own_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """No SDK describes the types of the provider `aex`; its own kinds do."""
    kinds = {kind.token: kind for kind in (ProcessKind(), FolderKind(), SecretKind(), SigningKeyKind())}
    of_sdks = arguments.problems

    def problems(token: str, inputs: Mapping[str, Any]) -> Iterator[str]:
        if token not in kinds:
            yield from of_sdks(token, inputs)
            return
        kind = kinds[token]
        for failure in kind.check({**kind.defaults("", dict(inputs)), **inputs}):
            # Whether a folder of this checkout is in use is none of this test's business.
            if failure.property != "path":
                yield f"{failure.property} {failure.reason}"

    monkeypatch.setattr(arguments, "problems", problems)


def exchange(stack: str = "local", **local: Any) -> Run:
    config = {
        "agent-exchange:clouds": '["local"]',
        "agent-exchange:environment": "local",
        "agent-exchange:local": json.dumps(local),
    }
    return declared(lambda: platform.build(load(config, stack)), stack=stack, outputs=made_up)


def environment(run: Run, service: str) -> Mapping[str, str]:
    return run.one("aex:local:Process", service).inputs["environment"]


class TestServices:
    def test_ten_processes_on_the_guides_ports(self):
        run = exchange()
        processes = run.of("aex:local:Process")
        assert {process.name: process.inputs["port"] for process in processes} == PORTS
        for process in processes:
            assert environment(run, process.name)["PORT"] == str(PORTS[process.name])
            assert process.inputs["host"] == environment(run, process.name)["HOST"] == "127.0.0.1"
            assert process.inputs["command"] == [
                str(CHECKOUT / "app" / ".venv" / "bin" / "python"),
                *("-m", "aex", "serve", process.name),
            ]
            assert process.inputs["folder"] == str(CHECKOUT / ".aex" / "local")
            assert environment(run, process.name)["ENVIRONMENT"] == "local"

    def test_other_ports_reach_listeners_and_callers(self):
        run = exchange(basePort=9080, ports={"aex-settlement": 7000})
        assert run.one("aex:local:Process", "aex-settlement").inputs["port"] == 7000
        told = environment(run, "aex-contract-engine")
        assert told["PORT"] == "9084"
        assert told["SETTLEMENT_URL"] == "http://127.0.0.1:7000"
        assert told["TRUST_BROKER_URL"] == "http://127.0.0.1:9086"

    def test_an_address_of_the_newer_protocol_is_written_as_urls_want_it(self):
        assert environment(exchange(host="::1"), "aex-gateway")["IDENTITY_URL"] == "http://[::1]:8087"

    def test_a_caller_starts_after_its_callees(self):
        run = exchange()
        components = {resource.name: resource for resource in run.of("agent-exchange:local:Service")}
        waits = {
            name: {urn.rpartition("::")[2] for urn in component.options.dependencies} - {"folder"}
            for name, component in components.items()
        }
        assert waits["aex-identity"] == waits["aex-telemetry"] == waits["aex-trust-broker"] == set()
        assert waits["aex-bid-gateway"] >= {"aex-provider-registry", "aex-work-publisher"}
        assert waits["aex-gateway"] == set(PORTS) - {"aex-gateway"}
        assert not any("aex-gateway" in names for names in waits.values())

    def test_a_developers_second_stack_has_its_own_folder_and_is_still_a_laptop(self):
        run = exchange("dev-two", basePort=9080)
        assert run.one("aex:local:Folder").inputs == {
            "path": str(CHECKOUT / ".aex" / "dev-two"),
            "owner": "agent-exchange/dev-two",
            "keep": True,
        }
        assert environment(run, "aex-gateway")["ENVIRONMENT"] == "local"

    @pytest.mark.parametrize("directory", ["elsewhere", "/var/tmp/elsewhere"])
    def test_a_relative_folder_is_the_checkouts(self, directory: str):
        run = exchange(directory=directory, keepData=False)
        folder = run.one("aex:local:Folder").inputs
        assert (folder["path"], folder["keep"]) == (str((CHECKOUT / directory).resolve()), False)
        assert Path(environment(run, "aex-settlement")["SQLITE_PATH"]).is_relative_to(folder["path"])


class TestDatabase:
    def test_a_server_is_told_as_a_secret_to_whoever_stores_anything(self):
        uri = "mongodb://aex:pw@db.example.org/?tls=true"
        run = exchange(storeType="mongo", mongoUri=uri)
        told = {name: environment(run, name) for name in PORTS}
        assert {name for name in PORTS if "MONGO_URI" in told[name]} == set(PORTS) - {"aex-gateway"}
        assert {told[name].get("STORE_TYPE") for name in PORTS} == {"mongo", None}

    def test_without_one_everybody_has_a_file(self):
        run = exchange()
        assert not any("MONGO_URI" in environment(run, name) for name in PORTS)
        assert len({environment(run, name)["SQLITE_PATH"] for name in PORTS if name != "aex-gateway"}) == 9


class TestSecrets:
    def test_nobody_gets_more_than_the_catalog_gives(self):
        run = exchange()
        holders = {
            variable: {name for name in PORTS if variable in environment(run, name)}
            for variable in ("API_KEY_SALT", "JWT_SECRET", "OPERATOR_KEY")
        }
        assert holders == {
            "API_KEY_SALT": {"aex-identity", "aex-provider-registry", "aex-contract-engine"},
            "JWT_SECRET": {"aex-identity", "aex-gateway"},
            "OPERATOR_KEY": {"aex-identity"},
        }
        assert run.of("aex:local:SigningKey") == [], "no key is made where service authentication is off"

    def test_each_service_signs_with_its_own_key_and_knows_its_callers(self):
        run = exchange(serviceAuth="token")
        seeds = {name: environment(run, name)["AEX_SERVICE_SEED"] for name in PORTS}
        assert seeds == {name: f"{SECRET_MARK}{name}-signing-key seed" for name in PORTS}
        known = json.loads(environment(run, "aex-bid-evaluator")["AEX_SERVICE_KEYS"])
        assert known == {
            name: f"{name}-signing-key public" for name in ("aex-contract-engine", "aex-gateway", "operator")
        }

    def test_secret_variables_are_secret_and_rotations_arrive(self):
        run = exchange(serviceAuth="token")
        identity = run.one("aex:local:Process", "aex-identity")
        for variable in ("API_KEY_SALT", "JWT_SECRET", "OPERATOR_KEY", "AEX_SERVICE_SEED"):
            assert f"environment.{variable}" in identity.secrets
        config = {"agent-exchange:clouds": '["local"]', "agent-exchange:secrets": '{"aex-jwt-secret": 3}'}
        rotated = declared(lambda: platform.build(load(config, "local")), stack="local", outputs=made_up)
        versions = {secret.name: secret.inputs["rotation"] for secret in rotated.of("aex:local:Secret")}
        assert versions == {"aex-jwt-secret": 3, "aex-api-key-salt": 1, "aex-operator-key": 1}
