"""Names, certificates, the firewall, and the namespace that services find each other in."""

from __future__ import annotations

from typing import Any

from infra.components.protocol import Plain, ProviderError
from tests.engine.standins.aws import guards
from tests.engine.standins.aws.kind import AwsKind, Call, Facts, Row
from tests.engine.standins.traits import Name, Traits, fixed


def _record(action: str, facts: Facts) -> dict[str, Any]:
    record: dict[str, Any] = {"Name": facts["name"], "Type": facts["type"]}
    if facts.get("aliases"):
        (alias,) = facts["aliases"]
        record["AliasTarget"] = {
            "HostedZoneId": alias["zoneId"],
            "DNSName": alias["name"],
            "EvaluateTargetHealth": alias["evaluateTargetHealth"],
        }
    else:
        record |= {"TTL": facts["ttl"], "ResourceRecords": [{"Value": value} for value in facts["records"]]}
    return {
        "HostedZoneId": facts["zoneId"],
        "ChangeBatch": {"Changes": [{"Action": action, "ResourceRecordSet": record}]},
    }


def _delete_record(kind: AwsKind, facts: Facts) -> None:
    kind.call("change_resource_record_sets", **_record("DELETE", facts))


def _validation_options(_kind: AwsKind, found: Any, _facts: Facts) -> Plain:
    return [
        {
            "domainName": each["DomainName"],
            "resourceRecordName": each["ResourceRecord"]["Name"],
            "resourceRecordType": each["ResourceRecord"]["Type"],
            "resourceRecordValue": each["ResourceRecord"]["Value"],
        }
        for each in found.get("DomainValidationOptions", [])
        if "ResourceRecord" in each
    ]


def _records_are_there(kind: AwsKind, facts: Facts) -> None:
    """ACM validates a certificate once its record is in the zone; the stand-in looks for it in Route 53."""
    certificate = kind.call("describe_certificate", CertificateArn=facts["certificateArn"])["Certificate"]
    route53 = kind.client("route53")
    there = {
        record["Name"].rstrip(".")
        for zone in route53.list_hosted_zones()["HostedZones"]
        for record in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    }
    for each in certificate["DomainValidationOptions"]:
        if each["ResourceRecord"]["Name"].rstrip(".") not in there:
            raise ProviderError(f"{kind.token}: the certificate of {each['DomainName']} stays PENDING_VALIDATION")


def _namespace(kind: AwsKind, _answer: Any, facts: Facts) -> str:
    found = kind.call("list_namespaces")["Namespaces"]
    return str(next(each["Id"] for each in found if each["Name"] == facts["name"]))


def _in_front_of(kind: AwsKind, balancer: str) -> str:
    found = kind.call("get_web_acl_for_resource", ResourceArn=balancer).get("WebACL") or {}
    return str(found.get("ARN"))


def _delete_acl(kind: AwsKind, facts: Facts) -> None:
    named = {"Name": facts["name"], "Scope": facts["scope"], "Id": facts["id"]}
    balancers = kind.call("describe_load_balancers", "elbv2")["LoadBalancers"]
    arns = [each["LoadBalancerArn"] for each in balancers]
    if used := [arn for arn in arns if _in_front_of(kind, arn) == facts["arn"]]:
        raise guards.refused(kind, "WAFAssociatedItemException", f"AWS WAF couldn't delete {facts['name']}: {used}")
    token = kind.call("get_web_acl", **named)["LockToken"]
    kind.call("delete_web_acl", **named, LockToken=token)


ROWS = {
    "aws:route53/record:Record": Row(
        service="route53",
        create=Call("change_resource_record_sets", build=lambda inputs: _record("UPSERT", inputs)),
        echoed=fixed("allowOverwrite"),
        id="{zoneId}_{name}_{type}",
        read=(
            "list_resource_record_sets",
            {"HostedZoneId": "{zoneId}"},
            "ResourceRecordSets[?Type=='<type>' && contains(['<name>', '<name>.'], Name)]|[0]",
        ),
        update=Call("change_resource_record_sets", build=lambda inputs: _record("UPSERT", inputs)),
        whole=True,
        delete=_delete_record,
        outputs={"fqdn": lambda _kind, _found, facts: str(facts["name"]).rstrip(".")},
        traits=Traits(replace_on=fixed("zoneId", "name", "type")),
    ),
    "aws:acm/certificate:Certificate": Row(
        service="acm",
        create=Call("request_certificate"),
        id="CertificateArn",
        read=("describe_certificate", {"CertificateArn": "{id}"}, "Certificate"),
        delete=("delete_certificate", {"CertificateArn": "{id}"}),
        outputs={"arn": "CertificateArn", "domainValidationOptions": _validation_options},
        before_delete=guards.certificate_is_unused,
        traits=Traits(replace_on=fixed("domainName", "validationMethod", "keyAlgorithm", "subjectAlternativeNames")),
    ),
    "aws:acm/certificateValidation:CertificateValidation": Row(
        service="acm",
        create=Call("describe_certificate", only=["certificateArn"]),
        id="{certificateArn}",
        before_create=_records_are_there,
        read=("describe_certificate", {"CertificateArn": "{certificateArn}"}, "Certificate"),
        delete=None,
        traits=Traits(replace_on=fixed("certificateArn", "validationRecordFqdns")),
    ),
    "aws:wafv2/webAcl:WebAcl": Row(
        service="wafv2",
        create=Call("create_web_acl"),
        id="Summary.Id",
        read=("get_web_acl", {"Name": "{name}", "Scope": "{scope}", "Id": "{id}"}, "WebACL"),
        delete=_delete_acl,
        outputs={"arn": "ARN"},
        traits=Traits(name=Name(pattern=r"[\w-]+", limit=128), replace_on=fixed("name", "scope")),
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Row(
        service="wafv2",
        create=Call("associate_web_acl"),
        id="{webAclArn},{resourceArn}",
        read=("get_web_acl_for_resource", {"ResourceArn": "{resourceArn}"}, "WebACL"),
        delete=("disassociate_web_acl", {"ResourceArn": "{resourceArn}"}),
        traits=Traits(replace_on=fixed("webAclArn", "resourceArn")),
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": Row(
        service="wafv2",
        create=Call("put_logging_configuration", prepare=lambda inputs: {"loggingConfiguration": inputs}),
        id="{resourceArn}",
        read=("get_logging_configuration", {"ResourceArn": "{resourceArn}"}, "LoggingConfiguration"),
        update=Call("put_logging_configuration", prepare=lambda inputs: {"loggingConfiguration": inputs}),
        whole=True,
        delete=("delete_logging_configuration", {"ResourceArn": "{resourceArn}"}),
        traits=Traits(replace_on=fixed("resourceArn")),
    ),
    "aws:servicediscovery/httpNamespace:HttpNamespace": Row(
        service="servicediscovery",
        create=Call("create_http_namespace"),
        id=_namespace,
        read=("get_namespace", {"Id": "{id}"}, "Namespace"),
        delete=("delete_namespace", {"Id": "{id}"}),
        outputs={"arn": "Arn", "httpName": "Properties.HttpProperties.HttpName"},
        traits=Traits(name=Name(pattern=r"[!-~]{1,1024}", limit=1024), replace_on=fixed("name")),
    ),
}

__all__ = ["ROWS"]
