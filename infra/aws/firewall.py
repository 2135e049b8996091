"""The web application firewall in front of the load balancer.

Owns the rules and where matches are logged. The managed groups let the contract's own traffic through: payloads up to
100 KiB, bodies that hold other people's text and addresses, and clients that do not say what they are. Those single
rules only count.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.aws.iam import Statement, document
from infra.aws.logs import log_group
from infra.components.naming import Kind
from infra.config.aws import Firewall as Mode

LET_THROUGH: Final = (
    "SizeRestrictions_BODY",
    "NoUserAgent_HEADER",
    "CrossSiteScripting_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
)
"""Rules of the common set that the wire contract would break: 8 KiB bodies, a user agent; no markup, paths or URLs in
bodies."""

_GROUPS: Final = (
    ("AWSManagedRulesAmazonIpReputationList", ()),
    ("AWSManagedRulesKnownBadInputsRuleSet", ()),  # Log4j among them
    ("AWSManagedRulesCommonRuleSet", LET_THROUGH),
)

_Rule = aws.wafv2.WebAclRuleArgs


class Firewall(pulumi.ComponentResource):
    """A web ACL on the load balancer."""

    acl: aws.wafv2.WebAcl

    def __init__(
        self,
        ctx: Context,
        balancer: pulumi.Input[str],
        key: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Guard `balancer` (ARN); matches are logged, encrypted with `key`."""
        super().__init__("agent-exchange:aws:Firewall", "firewall", None, opts)
        if ctx.aws.firewall is Mode.OFF:
            raise ValueError("aws.firewall is off: set it to count or block, or declare no firewall")
        counting = ctx.aws.firewall is Mode.COUNT
        self.acl = aws.wafv2.WebAcl(
            "acl",
            name=ctx.name("aex", Kind.WEB_ACL),
            description="In front of the gateway of Agent Exchange",
            scope="REGIONAL",
            default_action=aws.wafv2.WebAclDefaultActionArgs(allow=aws.wafv2.WebAclDefaultActionAllowArgs()),
            rules=[
                *(
                    _managed(number, name, excepted, counting)
                    for number, (name, excepted) in enumerate(_GROUPS, start=1)
                ),
                _rate(len(_GROUPS) + 1, ctx.aws.requests_per_five_minutes, counting),
            ],
            visibility_config=aws.wafv2.WebAclVisibilityConfigArgs(
                cloudwatch_metrics_enabled=True, metric_name="aex", sampled_requests_enabled=True
            ),
            tags=ctx.tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.wafv2.WebAclAssociation(
            "association",
            resource_arn=balancer,
            web_acl_arn=self.acl.arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._logging(ctx, key)
        self.register_outputs({"arn": self.acl.arn})

    def _logging(self, ctx: Context, key: pulumi.Input[str]) -> None:
        # The prefix is what AWS demands.
        path = ctx.name("aws-waf-logs-aex", Kind.LOG_GROUP)
        group = log_group(ctx, "firewall", path=path, key=key, parent=self)
        allowed = aws.cloudwatch.LogResourcePolicy(
            "delivery",
            policy_name=ctx.name("aex-waf-logs", Kind.IAM_POLICY),
            policy_document=document(
                [
                    Statement(
                        sid="FirewallLogs",
                        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                        resources=[ctx.arn("logs", f"log-group:{path}:*")],
                        principals={"Service": "delivery.logs.amazonaws.com"},
                        conditions={
                            "StringEquals": {"aws:SourceAccount": ctx.account},
                            "ArnLike": {"aws:SourceArn": ctx.arn("logs", "*")},
                        },
                    )
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.wafv2.WebAclLoggingConfiguration(
            "logging",
            resource_arn=self.acl.arn,
            log_destination_configs=[group.arn],
            redacted_fields=[
                aws.wafv2.WebAclLoggingConfigurationRedactedFieldArgs(
                    single_header=aws.wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs(name=header)
                )
                for header in ("authorization", "x-api-key")
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed]),
        )


def _managed(priority: int, name: str, excepted: tuple[str, ...], counting: bool) -> _Rule:
    return _Rule(
        name=name,
        priority=priority,
        statement=aws.wafv2.WebAclRuleStatementArgs(
            managed_rule_group_statement=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
                name=name,
                vendor_name="AWS",
                rule_action_overrides=[
                    aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArgs(
                        name=rule,
                        action_to_use=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseArgs(
                            count=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseCountArgs()
                        ),
                    )
                    for rule in excepted
                ],
            )
        ),
        override_action=aws.wafv2.WebAclRuleOverrideActionArgs(count=aws.wafv2.WebAclRuleOverrideActionCountArgs())
        if counting
        else aws.wafv2.WebAclRuleOverrideActionArgs(none=aws.wafv2.WebAclRuleOverrideActionNoneArgs()),
        visibility_config=_visible(name),
    )


def _rate(priority: int, limit: int, counting: bool) -> _Rule:
    return _Rule(
        name="rate",
        priority=priority,
        statement=aws.wafv2.WebAclRuleStatementArgs(
            rate_based_statement=aws.wafv2.WebAclRuleStatementRateBasedStatementArgs(
                limit=limit, aggregate_key_type="IP", evaluation_window_sec=300
            )
        ),
        action=aws.wafv2.WebAclRuleActionArgs(count=aws.wafv2.WebAclRuleActionCountArgs())
        if counting
        else aws.wafv2.WebAclRuleActionArgs(
            block=aws.wafv2.WebAclRuleActionBlockArgs(
                custom_response=aws.wafv2.WebAclRuleActionBlockCustomResponseArgs(response_code=429)
            )
        ),
        visibility_config=_visible("rate"),
    )


def _visible(name: str) -> aws.wafv2.WebAclRuleVisibilityConfigArgs:
    return aws.wafv2.WebAclRuleVisibilityConfigArgs(
        cloudwatch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )


__all__ = ["LET_THROUGH", "Firewall"]
