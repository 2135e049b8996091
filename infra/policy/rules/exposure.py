"""What the internet can reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from infra.components.catalog import CATALOG
from infra.policy.model import About, Place, Resource, Severity, Stack, resource_rule, stack_rule

_ANYWHERE: Final = ("0.0.0.0/0", "::/0")
_WEB_PORTS: Final = (80, 443)
_EVERYBODY: Final = ("allUsers", "allAuthenticatedUsers")
_PUBLIC: Final = frozenset(service.name for service in CATALOG.services if service.public)
_BLOCKS: Final = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


@resource_rule(
    About(
        id="aws-task-private",
        place=Place.AWS,
        reason="a task with an address of its own can be reached past the load balancer and its firewall",
        remedy="set networkConfiguration.assignPublicIp to false and use private subnets",
        checkov=("CKV_AWS_333",),
    ),
    "aws:ecs/service:Service",
)
def task_private(resource: Resource, _: Stack) -> Iterator[str]:
    """Tasks have no public address."""
    if resource.properties.flag("networkConfiguration.assignPublicIp") is True:
        yield "tasks get public addresses"


@resource_rule(
    About(
        id="aws-subnet-private",
        place=Place.AWS,
        reason="whatever is started in the subnet would get a public address without anybody's decision",
        remedy="set mapPublicIpOnLaunch to false",
        checkov=("CKV_AWS_130",),
    ),
    "aws:ec2/subnet:Subnet",
)
def subnet_private(resource: Resource, _: Stack) -> Iterator[str]:
    """Subnets give no public addresses by themselves."""
    if resource.properties.flag("mapPublicIpOnLaunch") is True:
        yield "the subnet gives public addresses"


@resource_rule(
    About(
        id="aws-ingress-open",
        place=Place.AWS,
        reason="only the load balancer is meant to be reached from everywhere, and only by HTTP",
        remedy="refer to the caller's security group; only ports 80 and 443 may be open to all",
        checkov=("CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_260", "CKV_AWS_277"),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)
def ingress_open(resource: Resource, _: Stack) -> Iterator[str]:
    """Nothing but web ports is open to the internet."""
    source = resource.properties.text("cidrIpv4") or resource.properties.text("cidrIpv6")
    ports = (resource.properties.number("fromPort"), resource.properties.number("toPort"))
    if source in _ANYWHERE and (ports[0] != ports[1] or ports[0] not in _WEB_PORTS):
        yield f"ports {ports[0] or 0:g} to {ports[1] or 65535:g} are open to the internet"


@resource_rule(
    About(
        id="aws-egress-open",
        place=Place.AWS,
        reason="a service that was broken into could send what it knows anywhere",
        remedy="name one port, and the security group or prefix list that is called",
        checkov=("CKV_AWS_382",),
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)
def egress_open(resource: Resource, _: Stack) -> Iterator[str]:
    """No service may open any connection to anywhere."""
    target = resource.properties.text("cidrIpv4") or resource.properties.text("cidrIpv6")
    everything = resource.properties.text("ipProtocol") == "-1"
    if everything or (
        target in _ANYWHERE and resource.properties.number("fromPort") != resource.properties.number("toPort")
    ):
        yield "every port of everybody may be called"


@resource_rule(
    About(
        id="aws-group-inline",
        place=Place.AWS,
        reason="rules inside a group are not judged one by one, and undo the ones beside it",
        remedy="declare SecurityGroupIngressRule and SecurityGroupEgressRule resources",
    ),
    "aws:ec2/securityGroup:SecurityGroup",
)
def group_inline(resource: Resource, _: Stack) -> Iterator[str]:
    """Groups have no rules inside."""
    if resource.properties.count("ingress") or resource.properties.count("egress"):
        yield "the group has rules inside"


@resource_rule(
    About(
        id="aws-group-described",
        place=Place.AWS,
        reason="whoever reviews a network must see what each opening is for",
        remedy="set a description",
        checkov=("CKV_AWS_23",),
        severity=Severity.ADVISORY,
    ),
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)
def group_described(resource: Resource, _: Stack) -> Iterator[str]:
    """Groups and rules say what they are for."""
    if resource.properties.text("description") in ("", "Managed by Pulumi"):
        yield "nothing says what it is for"


@stack_rule(
    About(
        id="aws-bucket-private",
        place=Place.AWS,
        reason="one wrong policy or ACL would publish the bucket",
        remedy="declare a BucketPublicAccessBlock with all four settings on",
        checkov=("CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56", "CKV2_AWS_6"),
    ),
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
)
def bucket_private(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """Every bucket refuses to be public."""
    for bucket in (each for each in resources if each.type.endswith(":Bucket")):
        blocks = [each for each in resources if each.refers_to(bucket, "bucket")]
        if not any(all(block.properties.flag(name) is True for name in _BLOCKS) for block in blocks):
            yield bucket, "the bucket can become public"


@resource_rule(
    About(
        id="aws-alb-headers",
        place=Place.AWS,
        reason="requests that proxies read differently carry other requests inside (request smuggling)",
        remedy="set dropInvalidHeaderFields to true and desyncMitigationMode to defensive or strictest",
        checkov=("CKV_AWS_131", "CKV_AWS_328"),
    ),
    "aws:lb/loadBalancer:LoadBalancer",
)
def alb_headers(resource: Resource, _: Stack) -> Iterator[str]:
    """The load balancer refuses ambiguous requests."""
    if resource.properties.flag("dropInvalidHeaderFields") is not True:
        yield "invalid headers are passed on"
    if resource.properties.text("desyncMitigationMode") not in ("", "defensive", "strictest"):
        yield "ambiguous requests are passed on"


@resource_rule(
    About(
        id="gcp-run-ingress",
        place=Place.GCP,
        reason="only the gateway is meant to be reached from outside; the others answer callers inside",
        remedy="set ingress to INGRESS_TRAFFIC_INTERNAL_ONLY",
        checkov=("CKV_GCP_102",),
        where="stacks with a network (gcp.network.egress)",
    ),
    "gcp:cloudrunv2/service:Service",
)
def run_ingress(resource: Resource, stack: Stack) -> Iterator[str]:
    """All but the gateway are internal. Without a network (ephemeral stacks) only the check of identities guards."""
    public = resource.properties.text("template.labels.service") in _PUBLIC
    ingress = resource.properties.text("ingress")
    if not public and stack.private_egress and ingress != "INGRESS_TRAFFIC_INTERNAL_ONLY":
        yield f"the service can be reached from outside ({ingress or 'INGRESS_TRAFFIC_ALL'})"


@resource_rule(
    About(
        id="gcp-public-member",
        place=Place.GCP,
        reason="whatever is granted to everybody is public, logged-in or not",
        remedy="grant it to the service account that needs it; the gateway is opened by invokerIamDisabled",
        checkov=("CKV_GCP_28", "CKV_GCP_101", "CKV_GCP_102"),
    ),
)
def public_member(resource: Resource, _: Stack) -> Iterator[str]:
    """Nothing is granted to everybody."""
    if resource.type.startswith("gcp:") and resource.type.lower().endswith(("iammember", "iambinding")):
        members = [*resource.properties.texts("member"), *resource.properties.texts("members")]
        if any(member in _EVERYBODY for member in members):
            yield f"{resource.properties.text('role')} is granted to everybody"


@resource_rule(
    About(
        id="gcp-bucket-private",
        place=Place.GCP,
        reason="ACLs on single objects and grants to everybody publish what nobody meant to publish",
        remedy="set uniformBucketLevelAccess to true and publicAccessPrevention to enforced",
        checkov=("CKV_GCP_29", "CKV_GCP_114"),
    ),
    "gcp:storage/bucket:Bucket",
)
def google_bucket_private(resource: Resource, _: Stack) -> Iterator[str]:
    """Buckets cannot become public."""
    if resource.properties.flag("uniformBucketLevelAccess") is not True:
        yield "single objects can be published"
    if resource.properties.text("publicAccessPrevention") != "enforced":
        yield "the bucket can become public"


@resource_rule(
    About(
        id="gcp-firewall-open",
        place=Place.GCP,
        reason="nothing inside the network listens for the internet",
        remedy="limit sourceRanges, or deny",
        checkov=("CKV_GCP_2", "CKV_GCP_3", "CKV_GCP_106"),
    ),
    "gcp:compute/firewall:Firewall",
)
def google_firewall_open(resource: Resource, _: Stack) -> Iterator[str]:
    """No rule lets the internet in."""
    inward = resource.properties.text("direction") in ("", "INGRESS")
    ranges = resource.properties.texts("sourceRanges")
    if inward and resource.properties.count("allows") and (not ranges or any(each in _ANYWHERE for each in ranges)):
        yield "the internet may connect"


RULES = (
    task_private,
    subnet_private,
    ingress_open,
    egress_open,
    group_inline,
    group_described,
    bucket_private,
    alb_headers,
    run_ingress,
    public_member,
    google_bucket_private,
    google_firewall_open,
)
