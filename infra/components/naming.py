"""Names of cloud resources: one function, one table of limits.

Production carries the bare names of the deployment guide (`aex-gateway`, `agent-exchange/aex-gateway`); every other
stack appends `-<stack>`, so that any two stacks live side by side in one account or project. A name that would be too
long, or whose stack has characters that the cloud refuses, ends in a hash of the full name instead, so that two long
stack names with a common beginning never share a resource.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

PRODUCTION_STACK: Final = "production"

_HASH_LENGTH: Final = 8


class NameRefusedError(ValueError):
    """A base name that the cloud would refuse whatever the stack is called; the text says which rule it breaks."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What people call a kind of resource, the longest name that it accepts, and the pattern of a name."""

    kind: str
    limit: int
    pattern: str
    hyphen: int = 1
    """How many characters a hyphen counts as."""

    def length(self, name: str) -> int:
        """The length of a name as the cloud counts it."""
        return _length(name, self.hyphen)


_LETTERS = r"[a-z][a-z0-9-]*[a-z0-9]"
_PATH = r"[a-z0-9]+([._/-]+[a-z0-9]+)*"
_LOOSE = r"[A-Za-z0-9/_.-]+"


@unique
class Kind(Enum):
    """Kinds of resources that have a name of ours. Limits are those of the clouds' API references, 2026-11."""

    # Google Cloud
    CLOUD_RUN = Rule("Cloud Run service or job", 49, _LETTERS)
    SERVICE_ACCOUNT = Rule("service account", 30, _LETTERS)
    ARTIFACT_REPOSITORY = Rule("Artifact Registry repository", 63, _LETTERS)
    GOOGLE_SECRET = Rule("Secret Manager secret", 255, r"[A-Za-z0-9_-]+")
    FIRESTORE_DATABASE = Rule("Firestore database", 63, _LETTERS)
    GOOGLE_NETWORK = Rule("Google network resource", 63, _LETTERS)
    VPC_CONNECTOR = Rule("VPC connector", 20, _LETTERS, hyphen=2)  # "less than 21 characters", hyphens twice
    WORKLOAD_POOL = Rule("workload-identity pool or provider", 32, _LETTERS)
    SCHEDULER_JOB = Rule("Cloud Scheduler job", 500, _LETTERS)
    GOOGLE_KEY = Rule("Cloud KMS key", 63, r"[A-Za-z0-9_-]+")
    # Amazon Web Services
    TARGET_GROUP = Rule("target group", 32, r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
    LOAD_BALANCER = Rule("load balancer", 32, r"(?!internal-)[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
    IAM_ROLE = Rule("IAM role", 64, r"[A-Za-z0-9+=,.@_-]+")
    IAM_POLICY = Rule("IAM policy", 128, r"[A-Za-z0-9+=,.@_-]+")
    AWS_SECRET = Rule("Secrets Manager secret", 255, _LOOSE)  # AWS allows 512; one limit for both clouds
    ECR_REPOSITORY = Rule("ECR repository", 256, _PATH)
    ECS = Rule("ECS cluster, service or task family", 255, r"[A-Za-z0-9_-]+")
    LOG_GROUP = Rule("log group", 512, _LOOSE)
    DOCDB = Rule("DocumentDB cluster or instance", 63, r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
    SECURITY_GROUP = Rule("security group", 255, r"(?!sg-)[A-Za-z0-9 ._/-]+")
    KMS_ALIAS = Rule("KMS alias", 256, r"alias/(?!aws/)[A-Za-z0-9/_-]+")
    ALARM = Rule("CloudWatch alarm", 255, _LOOSE)
    DASHBOARD = Rule("CloudWatch dashboard", 255, r"[A-Za-z0-9_-]+")
    SNS_TOPIC = Rule("SNS topic", 256, r"[A-Za-z0-9_-]+")
    WEB_ACL = Rule("WAF web ACL", 128, r"[A-Za-z0-9_-]+")
    NAMESPACE = Rule("Cloud Map namespace", 1024, r"[A-Za-z0-9._-]+")
    DISCOVERY = Rule("Service Connect discovery name", 64, _LETTERS)
    BUDGET = Rule("budget", 100, _LOOSE)
    # Both: one global namespace over all customers, so callers add an account or project to the base.
    BUCKET = Rule("bucket", 63, r"[a-z0-9][a-z0-9.-]+[a-z0-9]")


def physical_name(base: str, stack: str, kind: Kind) -> str:
    """The name of a resource: `base` in production, otherwise `base-<stack>`, shortened with a hash if needed.

    Raises NameRefusedError when the base alone breaks the rule of the kind, which no stack name can repair.
    """
    rule = kind.value
    if rule.length(base) > rule.limit or not re.fullmatch(rule.pattern, base):
        raise NameRefusedError(
            f"{base!r} cannot name a {rule.kind}: at most {rule.limit} characters that match {rule.pattern}; "
            "choose another base name"
        )
    if stack == PRODUCTION_STACK:
        return base
    return shortened(
        f"{base}-{_plain(stack)}",
        rule.limit,
        unique_by=f"{base}\0{stack}",
        force=_plain(stack) != stack,
        hyphen=rule.hyphen,
    )


def shortened(text: str, limit: int, *, unique_by: str, force: bool = False, hyphen: int = 1) -> str:
    """`text` if it fits into `limit`, else its beginning and a hash of `unique_by`; with `force` always the latter.

    A hyphen counts as `hyphen` characters.
    """
    if _length(text, hyphen) <= limit and not force:
        return text
    digest = hashlib.sha256(unique_by.encode()).hexdigest()[:_HASH_LENGTH]
    beginning = text[: limit - _HASH_LENGTH - hyphen]
    while _length(beginning, hyphen) > limit - _HASH_LENGTH - hyphen:
        beginning = beginning[:-1]
    return f"{beginning.rstrip('-._/')}-{digest}"


def _length(name: str, hyphen: int) -> int:
    return len(name) + (hyphen - 1) * name.count("-")


def _plain(stack: str) -> str:
    """A stack name in the characters that every cloud accepts. Not unique: `a.b` and `a_b` become the same."""
    return re.sub(r"[^a-z0-9]+", "-", stack.lower()).strip("-")
