"""What the exchange looks like, written by hand from the deployment guide and the design.

Tests compare with this table, never with the catalog that things are derived from.
"""

TIERS = [
    ("infrastructure", {"aex-identity", "aex-telemetry"}),
    ("core", {"aex-provider-registry", "aex-trust-broker", "aex-settlement"}),
    ("business", {"aex-bid-gateway", "aex-bid-evaluator", "aex-work-publisher", "aex-contract-engine"}),
    ("gateway", {"aex-gateway"}),
]

PORTS = {
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

EDGES = {
    ("aex-work-publisher", "aex-provider-registry"),
    ("aex-bid-gateway", "aex-provider-registry"),
    ("aex-bid-gateway", "aex-work-publisher"),
    ("aex-bid-evaluator", "aex-work-publisher"),
    ("aex-bid-evaluator", "aex-bid-gateway"),
    ("aex-bid-evaluator", "aex-trust-broker"),
    ("aex-contract-engine", "aex-work-publisher"),
    ("aex-contract-engine", "aex-bid-gateway"),
    ("aex-contract-engine", "aex-bid-evaluator"),
    ("aex-contract-engine", "aex-settlement"),
    ("aex-contract-engine", "aex-trust-broker"),
    ("aex-provider-registry", "aex-trust-broker"),
    ("aex-gateway", "aex-work-publisher"),
    ("aex-gateway", "aex-bid-gateway"),
    ("aex-gateway", "aex-bid-evaluator"),
    ("aex-gateway", "aex-contract-engine"),
    ("aex-gateway", "aex-provider-registry"),
    ("aex-gateway", "aex-trust-broker"),
    ("aex-gateway", "aex-identity"),
    ("aex-gateway", "aex-settlement"),
    ("aex-gateway", "aex-telemetry"),
}

SIZES = {
    # service: (Google memory, Google vCPU, Fargate MB, Fargate CPU units), the guide's table "Resource Allocation"
    "aex-gateway": ("1Gi", 2, 1024, 512),
    "aex-work-publisher": ("512Mi", 1, 512, 256),
    "aex-bid-gateway": ("512Mi", 1, 512, 256),
    "aex-bid-evaluator": ("512Mi", 1, 512, 256),
    "aex-contract-engine": ("512Mi", 1, 512, 256),
    "aex-provider-registry": ("512Mi", 1, 512, 256),
    "aex-trust-broker": ("512Mi", 1, 512, 256),
    "aex-identity": ("512Mi", 1, 512, 256),
    "aex-settlement": ("512Mi", 1, 512, 256),
    "aex-telemetry": ("256Mi", 1, 512, 256),
}

SECRETS = {
    # secret: who reads it; nobody else may
    "aex-jwt-secret": {"aex-identity", "aex-gateway"},
    "aex-api-key-salt": {"aex-identity", "aex-provider-registry", "aex-contract-engine"},
    "aex-operator-key": {"aex-identity"},
}

WITH_DUTIES = {
    "aex-work-publisher",
    "aex-bid-gateway",
    "aex-bid-evaluator",
    "aex-contract-engine",
    "aex-settlement",
    "aex-telemetry",
}

# The guide also has `transactions`: here a financial transaction is its ledger entry, one document, one write.
GUIDE_COLLECTIONS = {
    "work_specs",
    "bids",
    "contracts",
    "providers",
    "subscriptions",
    "tenants",
    "api_keys",
    "trust_records",
    "balances",
    "ledger",
}
