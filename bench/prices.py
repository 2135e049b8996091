"""What the clouds ask for what a stack consists of: data with its source, as of 2026-11, in USD without taxes.

Public list prices on demand, in us-east-1 and us-central1, without discounts and commitments. The clouds' price lists
cannot be reached from where this was written: `MEMORY` is the published list as we remember it, `COPY` was found again
in a public copy of the list or an article that quotes it. How much a stack uses while nobody calls it is in `USE`, and
is our estimate. Change a number, run `python -m bench.costs` again, and put its tables into docs/aws.md and gcp.md.

Free allotments of an account are left out, since whatever else is in the account shares them. Those of a Google project
are not: uptime checks (1,000,000 executions a month), logs (50 GiB) and custom metrics stay below them at rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DATE: Final = "2026-11"
HOURS: Final = 730.0
"""Hours in a month, as the clouds' calculators count."""
MONTH: Final = HOURS * 3600
"""Seconds in a month."""

MEMORY: Final = "from memory of the published list"
COPY: Final = "found again in a public copy of the published list"


@dataclass(frozen=True, slots=True)
class Price:
    """USD for one `unit`; `page` is the name of the public price list, `basis` how we know."""

    usd: float
    unit: str
    page: str
    basis: str = MEMORY
    date: str = DATE

    def of(self, amount: float = 1) -> float:
        """USD a month for that many units; a price by the hour is for the whole month."""
        return self.usd * amount * (HOURS if self.unit.startswith("hour") else 1)


@dataclass(frozen=True, slots=True)
class Use:
    """An estimate of ours of what is used at rest, or by one request."""

    amount: float
    unit: str
    why: str


_FARGATE_X86: Final = "AWS Fargate pricing, us-east-1, Linux/X86"
_FARGATE_ARM: Final = "AWS Fargate pricing, us-east-1, Linux/ARM"
_DOCDB: Final = "Amazon DocumentDB pricing, us-east-1, standard storage"
_VPC: Final = "Amazon VPC pricing, us-east-1"
_ALB: Final = "Elastic Load Balancing pricing, Application Load Balancer, us-east-1"
_WATCH: Final = "Amazon CloudWatch pricing, us-east-1"
_WAF: Final = "AWS WAF pricing"
_RUN: Final = "Cloud Run pricing, tier 1, request-based billing"
_RUN_ALWAYS: Final = "Cloud Run pricing, tier 1, instance-based billing"
_FIRESTORE: Final = "Firestore pricing, Standard edition, us-central1"
_GOOGLE_NET: Final = "Google Cloud network pricing"
_ARMOR: Final = "Google Cloud Armor pricing, Standard"
_OBSERVE: Final = "Google Cloud Observability pricing"

PRICES: Final[dict[str, Price]] = {
    # Amazon
    "fargate-vcpu-x86_64": Price(0.04048, "hour of a vCPU", _FARGATE_X86, COPY),
    "fargate-gb-x86_64": Price(0.004445, "hour of a GB", _FARGATE_X86),
    "fargate-vcpu-arm64": Price(0.03238, "hour of a vCPU", _FARGATE_ARM, COPY),
    "fargate-gb-arm64": Price(0.00356, "hour of a GB", _FARGATE_ARM),
    "db.t3.medium": Price(0.078, "hour", _DOCDB),
    "db.t4g.medium": Price(0.07566, "hour", _DOCDB),
    "db.r5.large": Price(0.277, "hour", _DOCDB),
    "db.r6g.large": Price(0.26056, "hour", _DOCDB),
    "db.r6g.xlarge": Price(0.52112, "hour", _DOCDB),
    "db.r6g.2xlarge": Price(1.04224, "hour", _DOCDB),
    "db.r6g.4xlarge": Price(2.08448, "hour", _DOCDB),
    "docdb-storage": Price(0.10, "GB a month; backups as large as the data are included", _DOCDB, COPY),
    "docdb-io": Price(0.20, "million I/O", _DOCDB, COPY),
    "nat": Price(0.045, "hour; 0.045 for each GB besides", _VPC),
    "endpoint": Price(0.01, "hour in one zone; 0.01 for each GB besides", _VPC),
    "ipv4": Price(0.005, "hour of a public IPv4 address", _VPC),
    "internet-aws": Price(0.09, "GB to the internet", "Amazon EC2 on-demand pricing, data transfer, us-east-1"),
    "alb": Price(0.0225, "hour", _ALB),
    "lcu": Price(0.008, "LCU for an hour: 1 GB, 25 connections a second or 3,000 open ones", _ALB),
    "waf-acl": Price(5, "month", _WAF),
    "waf-rule": Price(1, "rule or group of AWS's rules, a month", _WAF),
    "waf-requests": Price(0.60, "million requests", _WAF),
    "alarm": Price(0.10, "metric of an alarm, a month", _WATCH),
    "composite-alarm": Price(0.50, "month", _WATCH),
    "dashboard": Price(3, "month", _WATCH),
    "metric": Price(0.30, "custom metric, a month; Container Insights' are such", _WATCH),
    "logs-aws": Price(0.50, "GB taken in; keeping it is 0.03 for each compressed GB", _WATCH),
    "secret": Price(0.40, "secret, a month", "AWS Secrets Manager pricing"),
    "kms-aws": Price(1, "key, a month, and another one for each of the first two rotations", "AWS KMS pricing"),
    "ecr": Price(0.10, "GB a month", "Amazon ECR pricing"),
    "s3": Price(0.023, "GB a month", "Amazon S3 pricing, us-east-1, Standard"),
    # Google
    "run-vcpu": Price(0.000024, "second of a vCPU", _RUN, COPY),
    "run-gib": Price(0.0000025, "second of a GiB", _RUN, COPY),
    "run-vcpu-idle": Price(0.0000025, "second of a vCPU that waits, of a minimum instance", _RUN),
    "run-gib-idle": Price(0.0000025, "second of a GiB that waits, of a minimum instance", _RUN),
    "run-vcpu-always": Price(0.000018, "second of a vCPU", _RUN_ALWAYS, COPY),
    "run-gib-always": Price(0.000002, "second of a GiB", _RUN_ALWAYS),
    "run-requests": Price(0.40, "million requests", _RUN, COPY),
    "scheduler-job": Price(0.10, "job, a month", "Cloud Scheduler pricing"),
    "firestore-storage": Price(0.15, "GiB a month, indexes included; the same again for point in time", _FIRESTORE),
    "firestore-backup": Price(0.03, "GiB a month of a backup", _FIRESTORE),
    "firestore-reads": Price(0.30, "million documents read", _FIRESTORE, COPY),
    "firestore-writes": Price(0.90, "million documents written", _FIRESTORE, COPY),
    "rule-first": Price(0.025, "hour, for up to five forwarding rules together", _GOOGLE_NET),
    "rule-more": Price(0.01, "hour of each further forwarding rule", _GOOGLE_NET),
    "balancer-data": Price(0.008, "GiB in or out", _GOOGLE_NET),
    "internet-gcp": Price(0.12, "GiB to the internet, premium tier", _GOOGLE_NET, COPY),
    "address": Price(0.005, "hour of an external address; none on a forwarding rule", _GOOGLE_NET),
    "nat-gcp": Price(0.044, "hour, for more than 32 instances, which is the most; 0.0014 for each below", _GOOGLE_NET),
    "connector": Price(0.0084, "hour of an e2-micro", "Compute Engine pricing, us-central1"),
    "zone": Price(0.20, "zone, a month", "Cloud DNS pricing"),
    "armor-policy": Price(5, "month", _ARMOR),
    "armor-rule": Price(1, "rule, a month", _ARMOR),
    "armor-requests": Price(0.75, "million requests", _ARMOR),
    "uptime": Price(0.30, "1,000 executions beyond the project's first million", _OBSERVE),
    "condition": Price(0.10, "condition of an alert, a month (1.50 when it was announced)", _OBSERVE),
    "points": Price(0.35, "million points that alerts ask for", _OBSERVE, COPY),
    "logs-gcp": Price(0.50, "GiB beyond the project's first 50", _OBSERVE, COPY),
    "flow-logs": Price(0.25, "GiB of network logs", _OBSERVE, COPY),
    "secret-version": Price(0.06, "version in one place, a month", "Secret Manager pricing"),
    "kms-gcp": Price(0.06, "version of a key, a month", "Cloud KMS pricing, software keys"),
    "artifacts": Price(0.10, "GiB a month", "Artifact Registry pricing"),
    "storage": Price(0.020, "GiB a month", "Cloud Storage pricing, us-central1, Standard"),
}

USE: Final[dict[str, Use]] = {
    # At rest
    "spot": Use(0.3, "of the price on demand", "Spot's price moves; AWS says up to 70 % less"),
    "data": Use(10, "GB in DocumentDB", "a young exchange; every further GB is on the price list"),
    "documents": Use(1, "GiB in Firestore, and in each of its backups", "a young exchange"),
    "task-logs": Use(0.2, "GB a month of a task", "Container Insights' events of 0.8 KB, and few lines of the service"),
    "task-flows": Use(0.05, "GB a month of a task", "one line for each connection in ten minutes"),
    "network-flows": Use(0.5, "GiB a month of a subnet", "half of the connections, in ten minutes' steps"),
    "insights-cluster": Use(8, "metrics", "AWS's example of Container Insights on ECS, from memory"),
    "insights-service": Use(17, "metrics", "the same: 11 of a service and 6 of its task's family"),
    "tracking-alarms": Use(2, "alarms", "Application Auto Scaling makes a high and a low one for each policy"),
    "images": Use(0.2, "GB a repository", "55 MB once a change of dependencies, 1 MB a version (docs/images.md)"),
    "objects": Use(1, "GB a bucket", "access logs at rest, one export"),
    "round": Use(0.2, "s", "one round of duties with nothing to do, and whom it asks; 0.1 s are the least"),
    "round-reads": Use(3, "documents", "a query without a result is one read"),
    "check": Use(0.1, "s", "an answer of /health, to a probe or from outside; 0.1 s are the least"),
    "regions": Use(6, "regions", "where uptime checks come from, if nobody chooses"),
    "evaluations": Use(MONTH / 30, "a month", "an alert's condition is looked at every 30 s"),
    # One request at the gateway
    "request-kb-in": Use(2, "KB", "headers and a small document"),
    "request-kb-out": Use(2, "KB", "headers and a small document"),
    "request-services": Use(3, "services", "the gateway, the one that is asked, and one more"),
    "request-log-kb": Use(1.5, "KB", "one line of 0.5 KB in each service"),
    "request-google-kb": Use(4.5, "KB", "Cloud Run's own line in each service, the audit log's of the write"),
    "request-vcpu-s": Use(0.4, "s of a vCPU", "0.1 s, the least, on the gateway's 2 vCPU and twice on 1"),
    "request-gib-s": Use(0.2, "s of a GiB", "0.1 s on the gateway's 1 GiB and twice on 0.5"),
    "request-io": Use(5, "I/O", "one document written with its indexes; reads are mostly from memory"),
    "request-reads": Use(5, "documents", "by the three services together"),
    "request-writes": Use(1, "documents", "by the three services together"),
}

_FREE_AWS: Final = """
    acm/certificate:Certificate acm/certificateValidation:CertificateValidation appautoscaling/target:Target
    budgets/budget:Budget cloudwatch/logGroup:LogGroup cloudwatch/logResourcePolicy:LogResourcePolicy
    cloudwatch/queryDefinition:QueryDefinition docdb/clusterParameterGroup:ClusterParameterGroup
    docdb/subnetGroup:SubnetGroup ec2/defaultSecurityGroup:DefaultSecurityGroup ec2/internetGateway:InternetGateway
    ec2/route:Route ec2/routeTable:RouteTable ec2/routeTableAssociation:RouteTableAssociation
    ec2/securityGroup:SecurityGroup ec2/subnet:Subnet ec2/vpc:Vpc ecr/lifecyclePolicy:LifecyclePolicy
    ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter ecs/taskDefinition:TaskDefinition
    ecs/clusterCapacityProviders:ClusterCapacityProviders iam/openIdConnectProvider:OpenIdConnectProvider
    iam/policy:Policy iam/role:Role iam/rolePolicy:RolePolicy iam/rolePolicyAttachment:RolePolicyAttachment
    kms/alias:Alias lb/listener:Listener lb/listenerRule:ListenerRule lb/targetGroup:TargetGroup route53/record:Record
    s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration s3/bucketOwnershipControls:BucketOwnershipControls
    s3/bucketPolicy:BucketPolicy s3/bucketPublicAccessBlock:BucketPublicAccessBlock
    s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration
    s3/bucketVersioning:BucketVersioning secretsmanager/secretVersion:SecretVersion
    servicediscovery/httpNamespace:HttpNamespace sns/topic:Topic sns/topicPolicy:TopicPolicy
    sns/topicSubscription:TopicSubscription vpc/securityGroupEgressRule:SecurityGroupEgressRule
    vpc/securityGroupIngressRule:SecurityGroupIngressRule wafv2/webAclAssociation:WebAclAssociation
    wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration
"""
_FREE_GCP: Final = """
    billing/budget:Budget cloudrunv2/job:Job cloudrunv2/serviceIamMember:ServiceIamMember
    compute/backendService:BackendService compute/firewall:Firewall compute/globalAddress:GlobalAddress
    compute/managedSslCertificate:ManagedSslCertificate compute/network:Network
    compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup compute/router:Router compute/sSLPolicy:SSLPolicy
    compute/targetHttpProxy:TargetHttpProxy compute/targetHttpsProxy:TargetHttpsProxy compute/uRLMap:URLMap
    dns/recordSet:RecordSet firestore/field:Field firestore/index:Index iam/workloadIdentityPool:WorkloadIdentityPool
    iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider kms/cryptoKeyIAMMember:CryptoKeyIAMMember
    kms/keyRing:KeyRing logging/metric:Metric monitoring/customService:CustomService monitoring/dashboard:Dashboard
    monitoring/notificationChannel:NotificationChannel monitoring/slo:Slo organizations/project:Project
    projects/iAMAuditConfig:IAMAuditConfig projects/iAMCustomRole:IAMCustomRole projects/iAMMember:IAMMember
    projects/service:Service projects/serviceIdentity:ServiceIdentity secretmanager/secret:Secret
    secretmanager/secretIamMember:SecretIamMember serviceaccount/account:Account serviceaccount/iAMMember:IAMMember
    storage/bucketIAMMember:BucketIAMMember
"""
FREE: Final = frozenset(
    {
        *(f"aws:{token}" for token in _FREE_AWS.split()),
        *(f"gcp:{token}" for token in _FREE_GCP.split()),
        *("random:index/randomBytes:RandomBytes", "random:index/randomId:RandomId"),
        *("random:index/randomPassword:RandomPassword", "docker:index/image:Image"),
    }
)
"""Types that cost nothing while they are at rest: they are settings of others, are billed by what goes through them, or
run only when somebody starts them (the operators' job). A fixed address costs nothing on a forwarding rule."""


def monthly(key: str, amount: float = 1) -> float:
    """USD a month for `amount` units of that price."""
    return PRICES[key].of(amount)


def use(key: str) -> float:
    """That estimate, in its unit."""
    return USE[key].amount


__all__ = ["COPY", "DATE", "FREE", "HOURS", "MEMORY", "MONTH", "PRICES", "USE", "Price", "Use", "monthly", "use"]
