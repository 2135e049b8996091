"""The one table: every service of the exchange, who calls it, what it owns and what it needs.

Everything that the platforms do (addresses, order of deployment, invoker bindings, security-group rules, identities,
alarms, local processes, pictures) is derived from `CATALOG`. An eleventh service is one more entry here and one more
package under `app/aex`. Sizes, ports, tiers and concurrency are those of the deployment guide.
"""

from __future__ import annotations

from typing import Final

from infra.components.model import (
    Call,
    Caller,
    Duty,
    External,
    Grant,
    Reach,
    Secret,
    SecretUse,
    Service,
    Size,
    Tier,
)
from infra.components.table import Catalog

HEALTH_PATH: Final = "/health"
"""Answers 200 while the process lives; the only path that probes use."""

READY_PATH: Final = "/ready"
"""Answers 200 while the service's own store answers. Never used by probes: one outage would become ten."""

DUTIES_ROUTE: Final = "POST /internal/v1/duties/run"
"""Runs every duty of a service once; idempotent."""

JWT_SECRET: Final = Secret("aex-jwt-secret", "signs the short-lived tokens that identity gives for an API key")
API_KEY_SALT: Final = Secret("aex-api-key-salt", "peppers the stored hashes of keys and derives contract tokens")
OPERATOR_KEY: Final = Secret("aex-operator-key", "lets the operator create tenants and run checks")

_STANDARD: Final = Size(gcp_cpu=1, gcp_memory_mib=512, aws_cpu=256, aws_memory_mb=512)

_IDENTITY: Final = Service(
    name="aex-identity",
    port=8087,
    tier=Tier.INFRASTRUCTURE,
    description="Tenant and API key management",
    size=_STANDARD,
    collections=("tenants", "api_keys"),
    secrets=(
        SecretUse(API_KEY_SALT.name, "API_KEY_SALT"),
        SecretUse(JWT_SECRET.name, "JWT_SECRET"),
        SecretUse(OPERATOR_KEY.name, "OPERATOR_KEY"),
    ),
)

_TELEMETRY: Final = Service(
    name="aex-telemetry",
    port=8089,
    tier=Tier.INFRASTRUCTURE,
    description="Metrics and events",
    size=Size(gcp_cpu=1, gcp_memory_mib=256, aws_cpu=256, aws_memory_mb=512),
    collections=("telemetry_logs", "telemetry_metrics", "telemetry_spans", "telemetry_totals"),
    duties=(Duty("evict", "drop what exceeds the bounds on count, bytes and age"),),
)

_PROVIDER_REGISTRY: Final = Service(
    name="aex-provider-registry",
    port=8085,
    tier=Tier.CORE,
    description="Provider registration",
    size=_STANDARD,
    calls=(Call("aex-trust-broker", "TRUST_BROKER_URL", "current trust of the providers in an answer"),),
    collections=("providers", "subscriptions", "subscription_index", "agent_cards", "skill_index"),
    secrets=(SecretUse(API_KEY_SALT.name, "API_KEY_SALT"),),
)

_TRUST_BROKER: Final = Service(
    name="aex-trust-broker",
    port=8086,
    tier=Tier.CORE,
    description="Trust score management",
    size=_STANDARD,
    collections=("trust_records", "contract_outcomes"),
)

_SETTLEMENT: Final = Service(
    name="aex-settlement",
    port=8088,
    tier=Tier.CORE,
    description="Financial transactions",
    size=_STANDARD,
    collections=("ledger", "balances"),
    duties=(Duty("balances", "fold new ledger entries into the balances"),),
)

_WORK_PUBLISHER: Final = Service(
    name="aex-work-publisher",
    port=8081,
    tier=Tier.BUSINESS,
    description="Work specification management",
    size=_STANDARD,
    calls=(Call("aex-provider-registry", "PROVIDER_REGISTRY_URL", "who subscribed to a category"),),
    collections=("work_specs", "work_bids"),
    external=(External.WEBHOOKS,),
    duties=(
        Duty("close-windows", "close bid windows whose time has passed"),
        Duty("broadcast", "send webhooks about new work to subscribers"),
    ),
)

_BID_GATEWAY: Final = Service(
    name="aex-bid-gateway",
    port=8082,
    tier=Tier.BUSINESS,
    description="Bid submission and storage",
    size=_STANDARD,
    calls=(
        Call("aex-provider-registry", "PROVIDER_REGISTRY_URL", "whose key a bid carries"),
        Call("aex-work-publisher", "WORK_PUBLISHER_URL", "whether the work still takes bids"),
    ),
    collections=("bids",),
    duties=(Duty("outbox", "report bids to the work that an interrupted request left unreported"),),
)

_BID_EVALUATOR: Final = Service(
    name="aex-bid-evaluator",
    port=8083,
    tier=Tier.BUSINESS,
    description="Bid evaluation and ranking",
    size=_STANDARD,
    # The guide calls this one CPU-bound: fewer requests share an instance.
    concurrency=50,
    calls=(
        Call("aex-work-publisher", "WORK_PUBLISHER_URL", "work whose window has closed, budget and constraints"),
        Call("aex-bid-gateway", "BID_GATEWAY_URL", "the bids on a work"),
        Call("aex-trust-broker", "TRUST_BROKER_URL", "trust of all bidders in one call"),
    ),
    collections=("bid_evaluations",),
    duties=(Duty("evaluate", "rank the bids of work whose window has closed"),),
)

_CONTRACT_ENGINE: Final = Service(
    name="aex-contract-engine",
    port=8084,
    tier=Tier.BUSINESS,
    description="Contract lifecycle management",
    size=_STANDARD,
    calls=(
        Call("aex-work-publisher", "WORK_PUBLISHER_URL", "whose work it is, and its state after an award"),
        Call("aex-bid-gateway", "BID_GATEWAY_URL", "the bids on a work"),
        Call("aex-bid-evaluator", "BID_EVALUATOR_URL", "the ranking of the bids"),
        Call("aex-settlement", "SETTLEMENT_URL", "settle a completed contract"),
        Call("aex-trust-broker", "TRUST_BROKER_URL", "report the outcome of a contract"),
    ),
    collections=("contracts",),
    secrets=(SecretUse(API_KEY_SALT.name, "API_KEY_SALT"),),
    duties=(
        Duty("outbox", "settle and report what an interrupted request left undone"),
        Duty("auto-award", "award work that asks for it once it is evaluated"),
        Duty("expire", "expire contracts whose time has passed"),
    ),
)

_GATEWAY: Final = Service(
    name="aex-gateway",
    port=8080,
    tier=Tier.GATEWAY,
    description="API gateway, routing",
    size=Size(gcp_cpu=2, gcp_memory_mib=1024, aws_cpu=512, aws_memory_mb=1024),
    # The guide calls this one high-throughput: it waits for others most of the time.
    concurrency=250,
    calls=(
        Call("aex-work-publisher", "WORK_PUBLISHER_URL", "forward /v1/work"),
        Call("aex-bid-gateway", "BID_GATEWAY_URL", "forward /v1/bids"),
        Call("aex-bid-evaluator", "BID_EVALUATOR_URL", "forward the reading of evaluations"),
        Call("aex-contract-engine", "CONTRACT_ENGINE_URL", "forward /v1/contracts and awards"),
        Call("aex-provider-registry", "PROVIDER_REGISTRY_URL", "forward /v1/providers, subscriptions, capabilities"),
        Call("aex-trust-broker", "TRUST_BROKER_URL", "forward the reading of trust"),
        Call("aex-identity", "IDENTITY_URL", "validate API keys, forward /v1/tenants"),
        Call("aex-settlement", "SETTLEMENT_URL", "forward /v1/balance, deposits, usage"),
        Call("aex-telemetry", "TELEMETRY_URL", "forward logs, metrics and spans"),
    ),
    secrets=(SecretUse(JWT_SECRET.name, "JWT_SECRET"),),
    public=True,
)

CATALOG: Final = Catalog(
    services=(
        _GATEWAY,
        _WORK_PUBLISHER,
        _BID_GATEWAY,
        _BID_EVALUATOR,
        _CONTRACT_ENGINE,
        _PROVIDER_REGISTRY,
        _TRUST_BROKER,
        _IDENTITY,
        _SETTLEMENT,
        _TELEMETRY,
    ),
    secrets=(JWT_SECRET, API_KEY_SALT, OPERATOR_KEY),
    callers=(
        Caller(
            "scheduler",
            "starts the duties of services whose instances sleep between requests",
            (Grant(Reach.DUTIES, (DUTIES_ROUTE,)),),
        ),
        Caller("uptime", "watches the public door", (Grant(Reach.PUBLIC, (f"GET {HEALTH_PATH}",)),)),
        Caller(
            "operator",
            "people and their command line: looks at every service, creates tenants, checks the ledger",
            (
                Grant(Reach.EVERY, (f"GET {HEALTH_PATH}", f"GET {READY_PATH}", "GET /metrics")),
                Grant(
                    "aex-identity",
                    ("POST /v1/tenants", "GET /v1/tenants/{tenant_id}", "POST /v1/tenants/{tenant_id}/api-keys"),
                ),
                Grant(
                    "aex-settlement",
                    ("GET /internal/v1/ledger/check", "POST /internal/v1/balances/rebuild"),
                ),
            ),
        ),
    ),
)

__all__ = ["CATALOG", "DUTIES_ROUTE", "HEALTH_PATH", "READY_PATH"]
