"""The certificate of the stack's domain: one that exists already, or one that Route 53 proves to be ours.

Owns the certificate, its validation record and the bounded wait for it. Does not own the zone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.config import ConfigError

WAIT: Final = "15m"


class Certificate(pulumi.ComponentResource):
    """A certificate that the load balancer can use."""

    arn: pulumi.Output[str]

    def __init__(
        self, ctx: Context, domain: str, zone_id: str | None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`zone_id` is where the proof goes; it may be None only with `certificateArn`."""
        super().__init__("agent-exchange:aws:Certificate", "certificate", None, opts)
        if ctx.aws.certificate_arn is not None:
            self.arn = pulumi.Output.from_input(ctx.aws.certificate_arn)
        elif zone_id is not None:
            self.arn = self._validated(ctx, domain, zone_id)
        else:
            raise ValueError(f"{domain} has no zone to be validated in: give zone_id, or set aws.certificateArn")
        self.register_outputs({"arn": self.arn})

    def _validated(self, ctx: Context, domain: str, zone_id: str) -> pulumi.Output[str]:
        certificate = aws.acm.Certificate(
            "certificate",
            domain_name=domain,
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            tags=ctx.tags(name="aex"),
            # A replaced certificate is in use until the listener has the new one.
            opts=pulumi.ResourceOptions(parent=self),
        )
        proof = certificate.domain_validation_options.apply(lambda options: options[0])
        # The engine's hook is told the record's name only; by then this has the rest of it.
        wanted: list[Proof] = []
        proof.apply(lambda option: wanted.append(proof_of(option)))
        hook = pulumi.ErrorHook("certificate-pending", _pending(domain, wanted))
        record = aws.route53.Record(
            "validation",
            zone_id=zone_id,
            name=proof.apply(lambda option: option.resource_record_name or ""),
            type=proof.apply(lambda option: option.resource_record_type or ""),
            records=[proof.apply(lambda option: option.resource_record_value or "")],
            ttl=300,
            # Certificates for one domain all want the same record.
            allow_overwrite=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        validation = aws.acm.CertificateValidation(
            "validated",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=pulumi.ResourceOptions(
                parent=self,
                custom_timeouts=pulumi.CustomTimeouts(create=WAIT),
                hooks=pulumi.ResourceHookBinding(on_error=[hook]),
            ),
        )
        return validation.certificate_arn


def zone_of(ctx: Context, domain: str) -> str:
    """The name of the zone that holds `domain`: as configured, or the domain without its first label."""
    return ctx.aws.zone or domain.partition(".")[2]


def zone_id_of(ctx: Context, domain: str) -> str | None:
    """The id of the zone in this account; ConfigError with the remedies when there is none.

    None with `certificateArn` and without `zone`: then DNS is somebody else's, and the outputs say what to point where.
    """
    if ctx.aws.certificate_arn is not None and ctx.aws.zone is None:
        return None
    name = zone_of(ctx, domain)
    try:
        return aws.route53.get_zone(name=name, private_zone=False).zone_id
    except Exception as error:
        # The provider reports everything as one kind of exception; its text is kept for what else it may be.
        raise ConfigError(
            ctx.stack,
            [
                f"agent-exchange:aws.domain: no public Route 53 zone {name} in account {ctx.account} ({error}): "
                f"create it and delegate it from its parent zone, set agent-exchange:aws.zone to the zone that holds "
                f"{domain}, or set agent-exchange:aws.certificateArn to a certificate for {domain}"
            ],
        ) from error


@dataclass(frozen=True, slots=True)
class Proof:
    """The record that ACM looks for."""

    type: str
    name: str
    value: str


def proof_of(option: aws.acm.outputs.CertificateDomainValidationOption) -> Proof:
    """What ACM says about the record."""
    return Proof(
        type=option.resource_record_type or "",
        name=option.resource_record_name or "",
        value=option.resource_record_value or "",
    )


def pending_text(domain: str, wanted: Sequence[Proof]) -> str:
    """What people have to check when the certificate stays pending."""
    records = "; ".join(f"type {proof.type}, name {proof.name}, value {proof.value}" for proof in wanted)
    names = " ".join(f"`dig +trace {proof.type} {proof.name}`" for proof in wanted) or "`dig +trace`"
    return (
        f"the certificate for {domain} was not validated within {WAIT}. ACM looks for this record: "
        f"{records or 'see aws acm describe-certificate'}. It is in the zone: check with {names} that the parent zone "
        "delegates to the zone's name servers, then run `pulumi up` again"
    )


def _pending(domain: str, wanted: Sequence[Proof]) -> Callable[[pulumi.ErrorHookArgs], bool]:
    def explain(_: pulumi.ErrorHookArgs) -> bool:
        pulumi.log.error(pending_text(domain, wanted))
        return False

    return explain


__all__ = ["Certificate", "Proof", "pending_text", "proof_of", "zone_id_of", "zone_of"]
