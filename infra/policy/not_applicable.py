"""Checks of Checkov that this platform does not make, or makes otherwise, each with the reason."""

from __future__ import annotations

from typing import Final

NOT_APPLICABLE: Final[dict[str, str]] = {
    "CKV_AWS_18": "The access-log bucket cannot log access to itself; nothing but the load balancer writes to it.",
    "CKV_AWS_21": "Access logs are written once and expire; the bucket of states is versioned.",
    "CKV_AWS_97": "No task has an EFS volume: whatever is to be kept is in the database.",
    "CKV_AWS_144": "Access logs and exports are not worth a second region; the database has backups.",
    "CKV_AWS_145": "AWS delivers a load balancer's logs only to buckets with its own keys (SSE-S3).",
    "CKV_AWS_310": "One region: an outage of it is an outage of the exchange (docs/aws.md).",
    "CKV_AWS_378": (
        "TLS ends at the load balancer. From there to the gateway's port only the load balancer's security group gets "
        "in, and calls between services carry signed tokens."
    ),
    "CKV_AWS_393": (
        "Covered by aws-github-trust, which is stricter. Checkov's own check passes `repo:acme/*` and fails GitHub's "
        "immutable subjects (`repo:acme@123/...`), so it is skipped."
    ),
    "CKV2_AWS_57": (
        "Secrets rotate by a number in the stack's config: the versions N and N-1 both count while services move on "
        "(docs/services.md). A Lambda that changed them behind the platform would lock services out."
    ),
    "CKV2_AWS_62": "Nobody waits for events of buckets.",
    "CKV_GCP_62": "Access to buckets is in the audit logs that bootstrap turns on.",
    "CKV_GCP_84": "Images hold no secrets: Google's own keys are enough, and one key less to lose.",
    "CKV_GCP_125": (
        "Covered by gcp-github-trust, which is stricter. Checkov's own check wants a subject by name and fails "
        "conditions on repository_id, so it is skipped."
    ),
}
"""Check -> why it is not made."""
