"""What the internet can reach; networks and firewalls; who calls whom."""

from typing import Any

from infra.policy.model import Resource
from tests.infra.policy.building import Example, made, stack

SERVICE = "aws:ecs/service:Service"
SUBNET = "aws:ec2/subnet:Subnet"
IN = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OUT = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
ACL = "aws:wafv2/webAcl:WebAcl"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
ACL_LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
RUN = "gcp:cloudrunv2/service:Service"
INVOKER = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
ACCOUNT = "gcp:serviceaccount/account:Account"
GOOGLE_BUCKET = "gcp:storage/bucket:Bucket"
FIREWALL = "gcp:compute/firewall:Firewall"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
NETWORK = "gcp:compute/network:Network"
ARMOR = "gcp:compute/securityPolicy:SecurityPolicy"
BACKEND = "gcp:compute/backendService:BackendService"

BUCKET = made("aws:s3/bucket:Bucket", "logs")
VPC = made("aws:ec2/vpc:Vpc", "vpc")
ALB = made(BALANCER, "alb", internal=False)
INSIDE = made(BALANCER, "alb", internal=True)
WEB_ACL = made(ACL, "acl")
ALL_BLOCKED: dict[str, Any] = dict.fromkeys(
    ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
)
INTERNAL = "INGRESS_TRAFFIC_INTERNAL_ONLY"


def group(service: str) -> Resource:
    return made(GROUP, service, tags={"service": service})


GATEWAY, IDENTITY, LEDGER = group("aex-gateway"), group("aex-identity"), group("aex-settlement")
DOOR = made(GROUP, "aex-alb", tags={"project": "agent-exchange"})


def opening(callee: Resource, caller: Resource | None, first: int, last: int | None = None) -> Resource:
    refers = {"securityGroupId": callee} | ({"referencedSecurityGroupId": caller} if caller else {})
    return made(IN, "opening", refers=refers, fromPort=first, toPort=last or first)


def run(service: str, **properties: Any) -> Resource:
    return made(RUN, service, template={"labels": {"service": service}}, **properties)


RUN_IDENTITY, RUN_GATEWAY = run("aex-identity"), run("aex-gateway")


def grant(service: Resource, account: str | None, role: str = "roles/run.invoker") -> list[Resource]:
    holder = made(ACCOUNT, account) if account else None
    refers = {"name": service} | ({"member": holder} if holder else {})
    member = made(INVOKER, "grant", refers=refers, role=role, member="serviceAccount:x")
    return [service, member, *([holder] if holder else [])]


EXAMPLES = (
    Example(
        "aws-task-private",
        good=[made(SERVICE, networkConfiguration={"assignPublicIp": False, "subnets": ["a"]})],
        bad=[made(SERVICE, networkConfiguration={"assignPublicIp": True, "subnets": ["a"]})],
    ),
    Example(
        "aws-subnet-private",
        good=[made(SUBNET), made(SUBNET, mapPublicIpOnLaunch=False)],
        bad=[made(SUBNET, mapPublicIpOnLaunch=True)],
    ),
    Example(
        "aws-ingress-open",
        good=[
            made(IN, cidrIpv4="0.0.0.0/0", fromPort=443, toPort=443),
            made(IN, cidrIpv4="10.0.0.0/8", fromPort=22, toPort=22),
            made(IN, referencedSecurityGroupId="sg-1", fromPort=27017, toPort=27017),
        ],
        bad=[
            made(IN, cidrIpv4="0.0.0.0/0", fromPort=22, toPort=22),
            made(IN, cidrIpv6="::/0", fromPort=3389, toPort=3389),
            made(IN, cidrIpv4="0.0.0.0/0", fromPort=80, toPort=443),
            made(IN, cidrIpv4="0.0.0.0/0", ipProtocol="-1"),
        ],
    ),
    Example(
        "aws-egress-open",
        good=[
            made(OUT, cidrIpv4="0.0.0.0/0", ipProtocol="tcp", fromPort=443, toPort=443),
            made(OUT, referencedSecurityGroupId="sg-1", ipProtocol="tcp", fromPort=80, toPort=81),
        ],
        bad=[
            made(OUT, cidrIpv4="0.0.0.0/0", ipProtocol="-1"),
            made(OUT, cidrIpv4="0.0.0.0/0", ipProtocol="tcp", fromPort=0, toPort=65535),
        ],
    ),
    Example(
        "aws-group-inline",
        good=[made(GROUP)],
        bad=[made(GROUP, ingress=[{"fromPort": 80, "toPort": 80, "protocol": "tcp"}])],
    ),
    Example(
        "aws-group-described",
        good=[made(GROUP, description="the database"), made(IN, description="Called by aex-gateway")],
        bad=[made(GROUP), made(GROUP, description="Managed by Pulumi"), made(OUT)],
    ),
    Example(
        "aws-bucket-private",
        good=[[BUCKET, made(BLOCK, refers={"bucket": BUCKET}, **ALL_BLOCKED)]],
        bad=[
            BUCKET,
            [BUCKET, made(BLOCK, **ALL_BLOCKED)],
            [BUCKET, made(BLOCK, refers={"bucket": BUCKET}, **{**ALL_BLOCKED, "blockPublicPolicy": False})],
        ],
    ),
    Example(
        "aws-alb-headers",
        good=[made(BALANCER, dropInvalidHeaderFields=True, desyncMitigationMode="defensive")],
        bad=[made(BALANCER), made(BALANCER, dropInvalidHeaderFields=True, desyncMitigationMode="monitor")],
    ),
    Example(
        "gcp-run-ingress",
        good=[run("aex-identity", ingress=INTERNAL), run("aex-gateway", ingress="INGRESS_TRAFFIC_ALL")],
        bad=[run("aex-identity"), run("aex-identity", ingress="INGRESS_TRAFFIC_ALL")],
    ),
    Example(
        "gcp-run-ingress",
        good=[run("aex-identity", ingress="INGRESS_TRAFFIC_ALL")],
        bad=[],
        within=stack("ephemeral", private_egress=False),
    ),
    Example(
        "gcp-public-member",
        good=[made(INVOKER, member="serviceAccount:a", role="roles/run.invoker"), made(GOOGLE_BUCKET)],
        bad=[
            made(INVOKER, member="allUsers", role="roles/run.invoker"),
            made("gcp:storage/bucketIAMMember:BucketIAMMember", member="allAuthenticatedUsers", role="roles/x"),
            made("gcp:artifactregistry/repositoryIamBinding:RepositoryIamBinding", members=["allUsers"], role="r"),
        ],
    ),
    Example(
        "gcp-bucket-private",
        good=[made(GOOGLE_BUCKET, uniformBucketLevelAccess=True, publicAccessPrevention="enforced")],
        bad=[
            made(GOOGLE_BUCKET, publicAccessPrevention="enforced"),
            made(GOOGLE_BUCKET, uniformBucketLevelAccess=True, publicAccessPrevention="inherited"),
        ],
    ),
    Example(
        "gcp-firewall-open",
        good=[
            made(FIREWALL, direction="INGRESS", denies=[{"protocol": "all"}], sourceRanges=["0.0.0.0/0"]),
            made(FIREWALL, direction="EGRESS", allows=[{"protocol": "tcp"}]),
            made(FIREWALL, allows=[{"protocol": "tcp"}], sourceRanges=["10.0.0.0/8"]),
        ],
        bad=[
            made(FIREWALL, allows=[{"protocol": "tcp", "ports": ["22"]}], sourceRanges=["0.0.0.0/0"]),
            made(FIREWALL, allows=[{"protocol": "tcp", "ports": ["3389"]}]),
        ],
    ),
    Example(
        "aws-vpc-flow-logs",
        good=[[VPC, made(FLOW_LOG, refers={"vpcId": VPC}, trafficType="ALL")]],
        bad=[VPC, [VPC, made(FLOW_LOG, refers={"vpcId": VPC}, trafficType="REJECT")]],
    ),
    Example(
        "aws-default-group",
        good=[[VPC, made(DEFAULT_GROUP, refers={"vpcId": VPC}, ingress=[], egress=[])]],
        bad=[VPC, [VPC, made(DEFAULT_GROUP, refers={"vpcId": VPC}, ingress=[{"fromPort": 0}])]],
    ),
    Example(
        "aws-group-used",
        good=[[GATEWAY, made(SERVICE, refers={"networkConfiguration": GATEWAY})]],
        bad=[GATEWAY, [GATEWAY, made(IN, refers={"securityGroupId": GATEWAY})]],
    ),
    Example(
        "aws-alb-firewall",
        good=[[ALB, made(ASSOCIATION, refers={"resourceArn": ALB})], INSIDE],
        bad=[ALB],
    ),
    Example("aws-alb-firewall", good=[ALB], bad=[], within=stack("staging")),
    Example(
        "aws-firewall-log4j",
        good=[
            made(
                ACL,
                rules=[
                    {
                        "name": "bad",
                        "statement": {"managedRuleGroupStatement": {"name": "AWSManagedRulesKnownBadInputsRuleSet"}},
                    }
                ],
            )
        ],
        bad=[made(ACL), made(ACL, rules=[{"name": "rate", "statement": {"rateBasedStatement": {"limit": 100}}}])],
    ),
    Example(
        "aws-firewall-logged",
        good=[[WEB_ACL, made(ACL_LOGGING, refers={"resourceArn": WEB_ACL})]],
        bad=[WEB_ACL],
    ),
    Example(
        "gcp-subnet-logged",
        good=[made(SUBNETWORK, logConfig={"flowSampling": 0.5})],
        bad=[made(SUBNETWORK)],
    ),
    Example(
        "gcp-subnet-private-google",
        good=[made(SUBNETWORK, privateIpGoogleAccess=True)],
        bad=[made(SUBNETWORK)],
    ),
    Example(
        "gcp-network-own",
        good=[made(NETWORK, autoCreateSubnetworks=False, name="aex-vpc")],
        bad=[made(NETWORK, name="aex-vpc"), made(NETWORK, autoCreateSubnetworks=False, name="default")],
    ),
    Example(
        "gcp-armor-log4j",
        good=[made(ARMOR, rules=[{"match": {"expr": {"expression": "evaluatePreconfiguredWaf('cve-canary')"}}}])],
        bad=[made(ARMOR), made(ARMOR, rules=[{"match": {"expr": {"expression": "true"}}}])],
    ),
    Example("gcp-backend-armor", good=[made(BACKEND, securityPolicy="armor")], bad=[made(BACKEND)]),
    Example("gcp-backend-armor", good=[made(BACKEND)], bad=[], within=stack("staging")),
    Example(
        "aws-call-edges",
        good=[
            [GATEWAY, IDENTITY, opening(IDENTITY, GATEWAY, 8087)],
            [GATEWAY, DOOR, opening(GATEWAY, DOOR, 8080)],
            [DOOR, opening(DOOR, None, 443)],
        ],
        bad=[
            [LEDGER, IDENTITY, opening(IDENTITY, LEDGER, 8087)],
            [GATEWAY, IDENTITY, opening(GATEWAY, IDENTITY, 8080)],
            [GATEWAY, IDENTITY, opening(IDENTITY, GATEWAY, 8087, 8089)],
            [DOOR, IDENTITY, opening(IDENTITY, DOOR, 8087)],
            [IDENTITY, opening(IDENTITY, None, 8087)],
        ],
    ),
    Example(
        "gcp-call-edges",
        good=[
            grant(RUN_IDENTITY, "aex-gateway"),
            grant(RUN_IDENTITY, "aex-operations"),
            grant(run("aex-settlement"), "aex-scheduler"),
        ],
        bad=[
            grant(RUN_IDENTITY, "aex-settlement"),
            grant(RUN_IDENTITY, "aex-scheduler"),
            grant(RUN_IDENTITY, None),
            grant(RUN_IDENTITY, "aex-gateway", "roles/run.admin"),
        ],
    ),
    Example(
        "gcp-one-open-service",
        good=[[run("aex-gateway", invokerIamDisabled=True), run("aex-identity", invokerIamDisabled=False)], []],
        bad=[
            [run("aex-gateway", invokerIamDisabled=True), run("aex-identity", invokerIamDisabled=True)],
            [run("aex-gateway", invokerIamDisabled=False)],
        ],
    ),
    Example(
        "gcp-one-open-service",
        good=[run("aex-gateway", invokerIamDisabled=False)],
        bad=[run("aex-gateway", invokerIamDisabled=True)],
        within=stack(open_gateway=False),
    ),
)
