"""The local stack under the real engine, once it is up: what changes, what does not, what is repaired."""

from __future__ import annotations

import json
import os
import re
import signal
import stat

import psutil
import pytest

from tests.engine.runner import wait_until, words
from tests.engine.workshop import Workshop

pytestmark = [
    pytest.mark.engine,
    pytest.mark.processes,
    pytest.mark.timeout(300),
]

# Written by hand from the contract of the services, not taken from the catalog: what every service must be told.
URLS = {
    "aex-identity": {},
    "aex-telemetry": {},
    "aex-provider-registry": {"TRUST_BROKER_URL": 6},
    "aex-trust-broker": {},
    "aex-settlement": {},
    "aex-work-publisher": {"PROVIDER_REGISTRY_URL": 5},
    "aex-bid-gateway": {"PROVIDER_REGISTRY_URL": 5, "WORK_PUBLISHER_URL": 1},
    "aex-bid-evaluator": {"WORK_PUBLISHER_URL": 1, "BID_GATEWAY_URL": 2, "TRUST_BROKER_URL": 6},
    "aex-contract-engine": {
        "WORK_PUBLISHER_URL": 1,
        "BID_GATEWAY_URL": 2,
        "BID_EVALUATOR_URL": 3,
        "SETTLEMENT_URL": 8,
        "TRUST_BROKER_URL": 6,
    },
    "aex-gateway": {
        "WORK_PUBLISHER_URL": 1,
        "BID_GATEWAY_URL": 2,
        "BID_EVALUATOR_URL": 3,
        "CONTRACT_ENGINE_URL": 4,
        "PROVIDER_REGISTRY_URL": 5,
        "TRUST_BROKER_URL": 6,
        "IDENTITY_URL": 7,
        "SETTLEMENT_URL": 8,
        "TELEMETRY_URL": 9,
    },
}
SECRETS = {
    "aex-identity": {"API_KEY_SALT", "JWT_SECRET", "OPERATOR_KEY"},
    "aex-provider-registry": {"API_KEY_SALT"},
    "aex-contract-engine": {"API_KEY_SALT"},
    "aex-gateway": {"JWT_SECRET"},
}


def environment(exchange: Workshop, service: str) -> dict[str, str]:
    told = exchange.ask(service)["environment"]
    assert isinstance(told, dict)
    return told


class TestUp:
    def test_ten_services_listen_on_the_loopback_and_nowhere_else(self, exchange: Workshop):
        pids = exchange.pids()
        assert set(pids) == set(URLS)
        for service, pid in pids.items():
            listeners = [c.laddr for c in psutil.Process(pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
            assert listeners == [("127.0.0.1", exchange.ports[service])]

    @pytest.mark.parametrize("service", URLS)
    def test_every_service_is_told_what_it_needs_and_no_more(self, exchange: Workshop, service: str):
        told = environment(exchange, service)
        urls = {name: value for name, value in told.items() if name.endswith("_URL")}
        assert urls == {
            name: f"http://127.0.0.1:{exchange.base_port + offset}" for name, offset in URLS[service].items()
        }
        assert {"API_KEY_SALT", "JWT_SECRET", "OPERATOR_KEY"} & set(told) == SECRETS.get(service, set())
        callers = {caller for caller, called in URLS.items() if f"{_variable(service)}" in called} | (
            {"operator"} if "operator" in told["AEX_CALLERS"] else set()
        )
        assert set(json.loads(told["AEX_SERVICE_KEYS"])) == callers
        assert not [name for name in told if name.startswith("PULUMI")], "the shell's own secrets stay there"

    def test_the_outputs(self, exchange: Workshop):
        outputs = exchange.outputs()
        assert outputs["gatewayUrl"] == f"http://127.0.0.1:{exchange.base_port}"
        assert outputs["services"] == {
            name: f"http://127.0.0.1:{port}" for name, port in sorted(exchange.ports.items())
        }
        assert outputs["logs"] == str(exchange.folder / "logs")
        assert re.fullmatch("aexk_[0-9a-f]{64}", str(outputs["apiKey"]))
        assert f"1:{outputs['apiKey']}" == environment(exchange, "aex-identity")["OPERATOR_KEY"]
        assert "[secret]" in exchange.pulumi("stack", "output")

    def test_secrets_are_in_clear_neither_in_the_state_nor_on_the_screen(self, exchange: Workshop):
        secrets = {
            value
            for service in URLS
            for name, value in environment(exchange, service).items()
            if name in {"API_KEY_SALT", "JWT_SECRET", "OPERATOR_KEY", "AEX_SERVICE_SEED"}
        }
        assert len(secrets) == 3 + 10
        state = "".join(file.read_text() for file in (exchange.root / ".aex" / "state").rglob("*.json*"))
        assert "aex-gateway" in state
        shown = exchange.preview_text()
        bare = [secret.removeprefix("1:") for secret in secrets]
        assert not [secret for secret in bare if secret in state or secret in shown]

    def test_nobody_else_can_read_the_stacks_folder(self, exchange: Workshop):
        assert stat.S_IMODE(exchange.folder.stat().st_mode) == 0o700


def _variable(service: str) -> str:
    return service.removeprefix("aex-").replace("-", "_").upper() + "_URL"


class TestChange:
    def test_nothing_changed_is_no_change(self, exchange: Workshop):
        before = exchange.pids()
        assert exchange.preview("--expect-no-changes") == {}
        exchange.up("--expect-no-changes")
        assert exchange.pids() == before

    def test_the_code_of_one_service_restarts_that_one(self, exchange: Workshop):
        before = exchange.pids()
        exchange.edit("app/aex/trust_broker/rules.py", "NEUTRAL = 0.5\n")
        assert exchange.preview() == {"update": 1}
        exchange.up()
        after = exchange.pids()
        assert {name for name in before if before[name] != after[name]} == {"aex-trust-broker"}

    def test_the_code_that_all_share_restarts_all(self, exchange: Workshop):
        before = exchange.pids()
        exchange.edit("app/aex/core/__init__.py", "VERSION = 2\n")
        assert "10 updated" in exchange.up()
        assert not before.items() & exchange.pids().items()
        assert exchange.ask("aex-gateway")["core"] == 2

    def test_a_setting_restarts_those_that_read_it(self, exchange: Workshop):
        before = exchange.pids()
        exchange.set("local", "rateLimitPerMinute", 77)
        exchange.up()
        after = exchange.pids()
        assert {name for name in before if before[name] != after[name]} == {"aex-gateway"}
        assert environment(exchange, "aex-gateway")["RATE_LIMIT_PER_MINUTE"] == "77"

    def test_a_rotated_secret_reaches_its_readers(self, exchange: Workshop):
        before, old = exchange.pids(), environment(exchange, "aex-gateway")["JWT_SECRET"]
        exchange.set("secrets", "aex-jwt-secret", 2)
        exchange.up()
        after = exchange.pids()
        assert {name for name in before if before[name] != after[name]} == {"aex-gateway", "aex-identity"}
        new = {environment(exchange, name)["JWT_SECRET"] for name in ("aex-gateway", "aex-identity")}
        (value,) = new
        assert value.startswith("2:") and value.endswith(f",{old}"), "tokens that were signed before still verify"


class TestRepair:
    def test_a_killed_service_is_seen_by_refresh_and_restored_by_up(self, exchange: Workshop):
        exchange.kill("aex-settlement")
        seen = exchange.pulumi("refresh", "--yes", "--skip-preview")
        assert re.search(r"-\s+aex:local:Process\s+aex-settlement\s+deleted", seen)
        assert "1 created" in exchange.up()
        assert len(exchange.listening()) == 10

    def test_up_restores_without_a_refresh_too(self, exchange: Workshop):
        exchange.kill("aex-settlement", "aex-gateway")
        assert exchange.preview() == {"update": 2}
        exchange.up()
        assert len(exchange.listening()) == 10

    def test_a_reboot_is_repaired_and_changes_no_secret(self, exchange: Workshop):
        key = exchange.outputs()["apiKey"]
        for identity in exchange.processes():
            os.kill(identity.pid, signal.SIGKILL)
        wait_until(lambda: not exchange.processes())
        assert exchange.listening() == []
        assert "10 updated" in exchange.up()
        assert len(exchange.listening()) == 10
        assert exchange.outputs()["apiKey"] == key
        assert exchange.preview() == {}

    def test_a_crash_at_the_start_quotes_the_log_and_leaves_nothing_half_started(self, exchange: Workshop):
        before = exchange.pids()
        exchange.edit("app/aex/settlement/__init__.py", "raise RuntimeError('no ledger without a quill')\n")
        said = exchange.up(fails=True)
        assert "aex-settlement ended with exit code 1 before it was healthy" in words(said)
        assert "RuntimeError: no ledger without a quill" in said
        assert str(exchange.folder / "logs" / "aex-settlement.log") in said
        after = exchange.pids()
        assert "aex-settlement" not in after
        assert not [identity for identity in exchange.processes() if "aex-settlement" in identity.command]
        assert {name: pid for name, pid in before.items() if name != "aex-settlement"} == after

        exchange.edit("app/aex/settlement/__init__.py", "")
        exchange.up()
        assert len(exchange.listening()) == 10
