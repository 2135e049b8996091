"""Where the state of all stacks is kept: a versioned, encrypted bucket.

The secrets inside have a key per environment, so that who may decrypt staging's cannot decrypt production's. Owns the
layout of the bucket as Pulumi's self-managed backend has it.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.naming import PRODUCTION_STACK, Kind, physical_name
from infra.components.tags import PROJECT, labels
from infra.gcp.bucket import bucket
from infra.gcp.context import Context
from infra.gcp.iam import Condition

KEY_RING: Final = "agent-exchange"
_ROTATION_SECONDS: Final = 90 * 86400


class State(pulumi.ComponentResource):
    """The bucket and the keys."""

    bucket: gcp.storage.Bucket
    keys: dict[str, gcp.kms.CryptoKey]

    def __init__(self, ctx: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare them; both survive everything but an explicit unprotect."""
        super().__init__("agent-exchange:gcp:State", "state", None, opts)
        self._ctx = ctx
        # Google keeps the names of key rings and keys for ever: they are the project's, whatever the stack is called.
        self._ring = gcp.kms.KeyRing(KEY_RING, name=KEY_RING, location=ctx.region, opts=ctx.stateful(self))
        # Each environment of the project has one; ephemeral stacks use staging's.
        self.keys = {environment.value: self._key(environment.value) for environment in ctx.gcp.environments}
        self.bucket = bucket(ctx, "state", name=bucket_name(ctx), parent=self)
        self.register_outputs({"bucket": self.bucket.name})

    def _key(self, environment: str) -> gcp.kms.CryptoKey:
        ctx = self._ctx
        return gcp.kms.CryptoKey(
            f"state-{environment}",
            name=key_name(environment),
            key_ring=self._ring.id,
            purpose="ENCRYPT_DECRYPT",
            rotation_period=f"{_ROTATION_SECONDS}s",
            destroy_scheduled_duration=f"{30 * 86400}s",
            version_template=gcp.kms.CryptoKeyVersionTemplateArgs(
                algorithm="GOOGLE_SYMMETRIC_ENCRYPTION", protection_level="SOFTWARE"
            ),
            labels=labels(ctx.stack, environment),
            opts=ctx.stateful(self),
        )

    def secrets_provider(self, environment: str) -> str:
        """What `pulumi stack init --secrets-provider` takes."""
        ctx = self._ctx
        ring = f"projects/{ctx.project}/locations/{ctx.region}/keyRings/{KEY_RING}"
        return f"gcpkms://{ring}/cryptoKeys/{key_name(environment)}"


def bucket_name(ctx: Context) -> str:
    """One bucket per project."""
    return physical_name(f"{ctx.project}-aex-state", PRODUCTION_STACK, Kind.BUCKET)


def key_name(environment: str) -> str:
    """The key for the secrets in the states of an environment's stacks."""
    return physical_name(f"aex-state-{environment}", PRODUCTION_STACK, Kind.GOOGLE_KEY)


def staging_only(bucket_name: str) -> Condition:
    """Objects of stacks that are neither production nor bootstrap, and what all stacks share.

    The layout is that of Pulumi's self-managed backend: state, history, backups and locks, each by project and stack.
    """
    objects = f"projects/_/buckets/{bucket_name}/objects/"
    forbidden = [
        f'resource.name.startsWith("{objects}.pulumi/{part}/{stack}")'
        for stack in (PRODUCTION_STACK, "bootstrap")
        for part in (
            f"stacks/{PROJECT}",
            f"history/{PROJECT}",
            f"backups/{PROJECT}",
            f"locks/organization/{PROJECT}",
        )
    ]
    # A bucket's own name begins with none of these, so that listing stays possible; names are not secret. Negated as a
    # whole: an expression may have twelve logical operators.
    return Condition("neither production nor bootstrap", f"!({' || '.join(forbidden)})")


def not_the_state(ctx: Context) -> Condition:
    """Every bucket but the state's: who may make buckets may not for that reason read the state of other stacks."""
    return Condition("not the state", f'!resource.name.startsWith("projects/_/buckets/{bucket_name(ctx)}")')


__all__ = ["KEY_RING", "State", "bucket_name", "key_name", "not_the_state", "staging_only"]
