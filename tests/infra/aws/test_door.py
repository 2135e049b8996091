"""The way in: load balancer, certificate, domain, firewall."""

import re
from dataclasses import replace
from typing import Any

from infra.aws.certificate import Proof, pending_text
from infra.aws.context import Context
from infra.aws.ingress import target_group_name
from infra.components.catalog import CATALOG
from tests.infra.aws import stacks
from tests.infra.mocks import Run


def test_a_target_group_can_be_replaced_while_the_listener_uses_it() -> None:
    """A new name with everything that AWS replaces it for, and the new one first."""
    group = stacks.stack("production").one("aws:lb/targetGroup:TargetGroup")
    assert not group.options.deleteBeforeReplace
    settings = stacks.settings_of("pr-123")
    assert settings.aws is not None
    ctx = Context(settings=settings, aws=settings.aws, region=stacks.REGION, account=stacks.ACCOUNT)
    gateway = CATALOG.service("aex-gateway")
    moved = replace(gateway, port=gateway.port + 1)
    names = [target_group_name(ctx, gateway, "vpc-1"), target_group_name(ctx, gateway, "vpc-2")]
    names += [target_group_name(ctx, moved, "vpc-1")]
    assert len(set(names)) == 3
    assert names[0] == target_group_name(ctx, gateway, "vpc-1"), "unchanged, it stays"
    for name in [*names, group.inputs["name"]]:
        assert re.fullmatch(r"aex-gateway-tg-[0-9a-f]{6}(-pr-123)?", name)
        assert len(name) <= 32


def listeners(run: Run) -> dict[int, str]:
    return {each.inputs["port"]: each.inputs["protocol"] for each in run.of("aws:lb/listener:Listener")}


def test_a_domain_gets_a_certificate_a_record_and_modern_tls() -> None:
    run = stacks.stack("production")
    assert run.one("aws:lb/listener:Listener", "https").inputs["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    validation = run.one("aws:acm/certificateValidation:CertificateValidation")
    assert validation.options.customTimeouts.create == "15m"
    assert len(validation.options.hooks.on_error) == 1
    alias = run.one("aws:route53/record:Record", "domain").inputs
    assert (alias["name"], alias["type"]) == ("aex.example.org", "A")
    assert run.outputs["aws"]["gatewayUrl"] == "https://aex.example.org"


def test_a_certificate_that_stays_pending_is_told_with_the_whole_record() -> None:
    text = pending_text("aex.example.org", [Proof("CNAME", "_1.aex.example.org.", "_2.acm-validations.aws.")])
    assert "type CNAME, name _1.aex.example.org., value _2.acm-validations.aws." in text
    assert "`dig +trace CNAME _1.aex.example.org.`" in text
    assert "run `pulumi up` again" in text


def test_without_a_domain_staging_speaks_http() -> None:
    run = stacks.stack("staging")
    assert listeners(run) == {80: "HTTP"}
    assert run.outputs["aws"]["gatewayUrl"] == "http://alb.dnsName"


def test_a_certificate_that_exists_is_taken_and_dns_left_alone() -> None:
    arn = f"arn:aws:acm:us-east-1:{stacks.ACCOUNT}:certificate/abc"
    aws: dict[str, Any] = {"domain": "aex.example.org", "certificateArn": arn}
    run = stacks.run_of(stacks.settings_of("staging", aws))
    assert run.one("aws:lb/listener:Listener", "https").inputs["certificateArn"] == arn
    assert [each.type for each in run.resources if "acm" in each.type or "route53" in each.type] == []


def test_internal_routes_are_refused_at_the_door() -> None:
    for name, listener in (("staging", "http"), ("production", "https")):
        rule = stacks.stack(name).one("aws:lb/listenerRule:ListenerRule").inputs
        assert rule["conditions"] == [{"pathPattern": {"values": ["/internal", "/internal/*"]}}]
        assert rule["actions"][0]["fixedResponse"]["statusCode"] == "404"
        assert rule["listenerArn"].endswith(f":{listener}")


def test_the_door_is_hardened() -> None:
    for name, protected in (("staging", False), ("production", True)):
        balancer = stacks.stack(name).one("aws:lb/loadBalancer:LoadBalancer").inputs
        assert balancer["dropInvalidHeaderFields"] is True
        assert balancer["desyncMitigationMode"] == "defensive"
        assert balancer["enableDeletionProtection"] is protected
        for block in stacks.stack(name).of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"):
            assert all(value for key, value in block.inputs.items() if key != "bucket")
        assert len(balancer["subnets"]) == 2
