"""How long a cloud takes to make or change a resource: data with its source, for comparing orders of deployment.

Not our measurement: no cloud can be reached from where this was written. `LOG` is the middle of what public `terraform
apply` logs show ("Creation complete after ..."), `CALL` one or two API calls without waiting, and `GUESS` an estimate
of ours, which no source was found for. Change a number and run `python -m bench.plan` again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LOG: Final = "public apply logs"
CALL: Final = "API calls without waiting"
GUESS: Final = "our estimate"


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds, and where they are from."""

    create: float
    source: str
    note: str = ""
    update: float | None = None
    """None: the same as a creation."""


OTHERWISE: Final = Duration(2, CALL, "every type that is not in the table")

DURATIONS: Final[dict[str, Duration]] = {
    # Amazon
    "aws:acm/certificateValidation:CertificateValidation": Duration(61, LOG, "with the record in Route 53"),
    "aws:docdb/cluster:Cluster": Duration(60, GUESS),
    "aws:docdb/clusterInstance:ClusterInstance": Duration(
        480, GUESS, "terraform-provider-aws#44911 shows 7 min 26 s for a deletion; Aurora's instances take 5 to 10 min"
    ),
    "aws:ec2/internetGateway:InternetGateway": Duration(1, LOG),
    "aws:ec2/natGateway:NatGateway": Duration(107, LOG, "8 logs: 1 min 25 s to 2 min 5 s"),
    "aws:ec2/subnet:Subnet": Duration(11, LOG, "public ones wait for the setting of addresses"),
    "aws:ec2/vpc:Vpc": Duration(12, LOG, "with DNS names"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Duration(60, GUESS, "an interface endpoint; a gateway endpoint takes 6 s"),
    "aws:ecs/cluster:Cluster": Duration(11, LOG, "5 logs: 10 to 12 s"),
    "aws:ecs/service:Service": Duration(
        150, GUESS, "until steady: image pull, start, two health checks; a log without a balancer shows 1 min 15 s"
    ),
    "aws:iam/role:Role": Duration(1, LOG),
    "aws:kms/key:Key": Duration(12, LOG, "2 logs: 9 and 16 s"),
    "aws:lb/loadBalancer:LoadBalancer": Duration(150, LOG, "7 logs: 2 min 15 s to 3 min 7 s"),
    "aws:route53/record:Record": Duration(35, LOG, "until Route 53 says INSYNC"),
    "aws:servicediscovery/httpNamespace:HttpNamespace": Duration(35, GUESS, "an operation that is polled"),
    "aws:wafv2/webAcl:WebAcl": Duration(5, GUESS),
    # Google
    "gcp:artifactregistry/repository:Repository": Duration(12, LOG, "3 logs: 5 to 14 s"),
    "gcp:cloudrunv2/service:Service": Duration(18, LOG, "one log; until the revision serves", update=18),
    "gcp:cloudrunv2/job:Job": Duration(10, GUESS),
    "gcp:compute/globalAddress:GlobalAddress": Duration(11, LOG),
    "gcp:compute/backendService:BackendService": Duration(40, GUESS),
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": Duration(22, GUESS),
    "gcp:compute/managedSslCertificate:ManagedSslCertificate": Duration(11, GUESS, "not until it is active"),
    "gcp:compute/network:Network": Duration(20, LOG, "8 logs: 12 to 26 s"),
    "gcp:compute/securityPolicy:SecurityPolicy": Duration(12, GUESS),
    "gcp:compute/subnetwork:Subnetwork": Duration(21, LOG, "9 logs: 4 to 23 s"),
    "gcp:compute/uRLMap:URLMap": Duration(11, GUESS),
    "gcp:firestore/database:Database": Duration(15, GUESS),
    "gcp:firestore/field:Field": Duration(60, GUESS, "an operation that is polled"),
    "gcp:firestore/index:Index": Duration(180, GUESS, "an empty collection; terraform-provider-google#7842 shows more"),
    "gcp:projects/iAMMember:IAMMember": Duration(9, GUESS, "one writer at a time to a project's policy"),
    "gcp:serviceaccount/account:Account": Duration(11, GUESS, "with the provider's wait for it to be readable"),
    "gcp:vpcaccess/connector:Connector": Duration(150, GUESS),
}


def of(token: str) -> Duration:
    """How long that type takes."""
    return DURATIONS.get(token, OTHERWISE)


__all__ = ["CALL", "DURATIONS", "GUESS", "LOG", "OTHERWISE", "Duration", "of"]
