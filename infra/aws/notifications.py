"""Where alarms and budgets say what is wrong: one encrypted topic and the people who listen to it."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.aws.context import Context
from infra.aws.iam import Statement, document
from infra.components.naming import Kind


class Notifications(pulumi.ComponentResource):
    """A topic; `arn` is known once alarms may publish to it."""

    arn: pulumi.Output[str]

    def __init__(self, ctx: Context, key: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the topic, encrypted with `key`, and a subscription for each address of the config."""
        super().__init__("agent-exchange:aws:Notifications", "notifications", None, opts)
        topic = aws.sns.Topic(
            "alarms",
            name=ctx.name("aex-alarms", Kind.SNS_TOPIC),
            kms_master_key_id=key,
            tags=ctx.tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        policy = aws.sns.TopicPolicy(
            "alarms",
            arn=topic.arn,
            policy=document(
                [
                    Statement(
                        sid="AlarmsAndBudgetsOfThisAccount",
                        actions=["sns:Publish"],
                        resources=[topic.arn],
                        principals={"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]},
                        conditions={"StringEquals": {"aws:SourceAccount": ctx.account}},
                    )
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        for address in ctx.aws.alarms.emails:
            aws.sns.TopicSubscription(
                address,
                topic=topic.arn,
                protocol="email",
                endpoint=address,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.arn = pulumi.Output.all(topic.arn, policy.id).apply(lambda found: str(found[0]))
        self.register_outputs({"arn": self.arn})


__all__ = ["Notifications"]
