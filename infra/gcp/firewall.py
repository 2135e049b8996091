"""Cloud Armor in front of the load balancer.

Owns the rules. The managed ones look at addresses and headers and leave bodies and query parameters alone: work, bids
and logs are other people's text, with markup, commands and addresses in it, and must get through. What is between
services is refused here too; the gateway does not forward it either, and two locks are cheap.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.components.naming import Kind
from infra.config.gcp import Armor
from infra.gcp.context import Context

INTERNAL: Final = "/internal"
"""Routes between services."""

MANAGED_RULES: Final = (
    "cve-canary",  # Log4j among them
    "sqli-v33-stable",
    "xss-v33-stable",
    "lfi-v33-stable",
    "rce-v33-stable",
    "scannerdetection-v33-stable",
)
_WINDOW_SECONDS: Final = 300
_LAST: Final = 2147483647
_INTERNAL_PRIORITY, _RATE_PRIORITY, _MANAGED_PRIORITY = 100, 200, 1000

_Rule = gcp.compute.SecurityPolicyRuleArgs


class Firewall(pulumi.ComponentResource):
    """A security policy for the gateway's backend."""

    policy: gcp.compute.SecurityPolicy

    def __init__(self, ctx: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the policy; with `armor: off` it refuses internal routes and nothing else."""
        super().__init__("agent-exchange:gcp:Firewall", "firewall", None, opts)
        preview = ctx.gcp.armor is Armor.PREVIEW
        guarding = (
            []
            if ctx.gcp.armor is Armor.OFF
            else [
                _rate(ctx.gcp.requests_per_five_minutes, preview),
                *(_managed(_MANAGED_PRIORITY + number, name, preview) for number, name in enumerate(MANAGED_RULES)),
            ]
        )
        self.policy = gcp.compute.SecurityPolicy(
            "armor",
            name=ctx.name("aex-armor", Kind.GOOGLE_NETWORK),
            description="In front of the gateway of Agent Exchange",
            type="CLOUD_ARMOR",
            labels=ctx.labels(),
            advanced_options_config=gcp.compute.SecurityPolicyAdvancedOptionsConfigArgs(
                json_parsing="STANDARD", log_level="NORMAL"
            ),
            rules=[_refuse_internal(), *guarding, _let_through()],
            opts=ctx.child(self),
        )
        self.register_outputs({})


def _refuse_internal() -> _Rule:
    """Never only previewed: it is no guess."""
    return _Rule(
        priority=_INTERNAL_PRIORITY,
        description="Routes between services",
        action="deny(404)",
        match=gcp.compute.SecurityPolicyRuleMatchArgs(
            expr=gcp.compute.SecurityPolicyRuleMatchExprArgs(
                expression=f"request.path == '{INTERNAL}' || request.path.startsWith('{INTERNAL}/')"
            )
        ),
    )


def _rate(limit: int, preview: bool) -> _Rule:
    return _Rule(
        priority=_RATE_PRIORITY,
        description="Requests of one address",
        action="throttle",
        preview=preview,
        match=_everybody(),
        rate_limit_options=gcp.compute.SecurityPolicyRuleRateLimitOptionsArgs(
            enforce_on_key="IP",
            conform_action="allow",
            exceed_action="deny(429)",
            rate_limit_threshold=gcp.compute.SecurityPolicyRuleRateLimitOptionsRateLimitThresholdArgs(
                count=limit, interval_sec=_WINDOW_SECONDS
            ),
        ),
    )


def _managed(priority: int, name: str, preview: bool) -> _Rule:
    """One of Google's rule sets, at the sensitivity with the fewest false alarms."""
    return _Rule(
        priority=priority,
        description=f"Google's {name}",
        action="deny(403)",
        preview=preview,
        match=gcp.compute.SecurityPolicyRuleMatchArgs(
            expr=gcp.compute.SecurityPolicyRuleMatchExprArgs(
                expression=f"evaluatePreconfiguredWaf('{name}', {{'sensitivity': 1}})"
            )
        ),
        preconfigured_waf_config=gcp.compute.SecurityPolicyRulePreconfiguredWafConfigArgs(
            exclusions=[
                gcp.compute.SecurityPolicyRulePreconfiguredWafConfigExclusionArgs(
                    target_rule_set=name,
                    # Fields of a JSON body count as parameters.
                    request_query_params=[
                        gcp.compute.SecurityPolicyRulePreconfiguredWafConfigExclusionRequestQueryParamArgs(
                            operator="EQUALS_ANY"
                        )
                    ],
                )
            ]
        ),
    )


def _let_through() -> _Rule:
    return _Rule(priority=_LAST, description="Everybody else", action="allow", match=_everybody())


def _everybody() -> gcp.compute.SecurityPolicyRuleMatchArgs:
    return gcp.compute.SecurityPolicyRuleMatchArgs(
        versioned_expr="SRC_IPS_V1", config=gcp.compute.SecurityPolicyRuleMatchConfigArgs(src_ip_ranges=["*"])
    )


__all__ = ["INTERNAL", "MANAGED_RULES", "Firewall"]
