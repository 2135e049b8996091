"""Google's compute, DNS and VPC-access types: what cannot change, how ids look, what lives in what.

From the provider's schemas (`ForceNew` there) and Google's API reference, as of pulumi-gcp 10.2 (google provider 7.x).
Where the real provider can do more than a row says, the row says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.engine.standins.traits import Name, Traits, Within, fixed

RFC1035: Final = Name("name", r"[a-z]([-a-z0-9]*[a-z0-9])?", 63, lower=True)
"""What Compute Engine calls a name."""

_COMPUTE: Final = "https://www.googleapis.com/compute/v1/"
NETWORK_TYPE: Final = "gcp:compute/network:Network"
_ZONE: Final = "gcp:dns/managedZone:ManagedZone"


def _global(collection: str, *immutable: str, **outputs: str) -> Traits:
    path = f"projects/{{project}}/global/{collection}/{{name}}"
    return Traits(
        id=path,
        name=RFC1035,
        replace_on=fixed("name", "project", *immutable),
        outputs={"selfLink": _COMPUTE + path, "project": "{project}", **outputs},
    )


def _regional(collection: str, *immutable: str, within: tuple[Within, ...] = (), **outputs: str) -> Traits:
    path = f"projects/{{project}}/regions/{{region}}/{collection}/{{name}}"
    return Traits(
        id=path,
        name=RFC1035,
        replace_on=fixed("name", "project", "region", *immutable),
        outputs={"selfLink": _COMPUTE + path, "project": "{project}", "region": "{region}", **outputs},
        within=within,
    )


_ADDRESS = ("address", "addressType", "description", "ipVersion", "network", "prefixLength", "purpose")
_IN_NETWORK = (Within("network", NETWORK_TYPE),)

NETWORK: Final[Mapping[str, Traits]] = {
    NETWORK_TYPE: _global(
        "networks", "autoCreateSubnetworks", "description", "internalIpv6Range", "mtu", "networkProfile",
        gatewayIpv4="", numericId="1234567890123456789", networkId="1234567890123456789",
    ),
    # A range may grow in place; any other change of it is a replacement, and so is every one here.
    "gcp:compute/subnetwork:Subnetwork": _regional(
        "subnetworks", "network", "description", "ipCidrRange", "purpose", "externalIpv6Prefix", "ipv6AccessType",
        within=_IN_NETWORK, gatewayAddress="10.0.0.1",
    ),
    "gcp:compute/firewall:Firewall": Traits(
        id="projects/{project}/global/firewalls/{name}",
        name=RFC1035,
        replace_on=fixed("name", "project", "network", "direction"),
        outputs={"selfLink": _COMPUTE + "projects/{project}/global/firewalls/{name}", "project": "{project}"},
        within=_IN_NETWORK,
    ),
    "gcp:compute/router:Router": _regional(
        "routers", "network", "encryptedInterconnectRouter", within=_IN_NETWORK
    ),
    "gcp:compute/routerNat:RouterNat": Traits(
        id="{project}/{region}/{router}/{name}",
        name=RFC1035,
        replace_on=fixed("name", "project", "region", "router", "type", "endpointTypes"),
        outputs={"project": "{project}", "region": "{region}"},
        within=(Within("router", "gcp:compute/router:Router"),),
    ),
    "gcp:compute/address:Address": _regional(
        "addresses", *_ADDRESS, "networkTier", "subnetwork", address="203.0.113.10"
    ),
    "gcp:compute/globalAddress:GlobalAddress": _global("addresses", *_ADDRESS, address="203.0.113.20"),
    "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup": _regional(
        "networkEndpointGroups", "networkEndpointType", "cloudRun", "cloudFunction", "appEngine", "description",
        "network", "subnetwork", "pscTargetService", "pscData", "serverlessDeployment",
    ),
    "gcp:compute/backendService:BackendService": _global("backendServices", "loadBalancingScheme"),
    "gcp:compute/uRLMap:URLMap": _global("urlMaps"),
    "gcp:compute/targetHttpProxy:TargetHttpProxy": _global(
        "targetHttpProxies", "description", "proxyBind", "httpKeepAliveTimeoutSec"
    ),
    "gcp:compute/targetHttpsProxy:TargetHttpsProxy": _global(
        "targetHttpsProxies", "description", "proxyBind", "httpKeepAliveTimeoutSec"
    ),
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": _global(
        "forwardingRules", "description", "ipAddress", "ipProtocol", "ipVersion", "loadBalancingScheme", "network",
        "networkTier", "portRange", "subnetwork",
    ),
    "gcp:compute/managedSslCertificate:ManagedSslCertificate": _global(
        "sslCertificates", "description", "managed", "type"
    ),
    "gcp:compute/sSLPolicy:SSLPolicy": _global("sslPolicies", "description"),
    "gcp:compute/securityPolicy:SecurityPolicy": _global("securityPolicies", "type"),
    "gcp:vpcaccess/connector:Connector": Traits(
        id="projects/{project}/locations/{region}/connectors/{name}",
        # At most 20 characters, of which a hyphen takes two.
        name=Name("name", r"(?=[^-]*(-[^-]*)*$)[a-z][-a-z0-9]{0,18}[a-z0-9]", 20),
        replace_on=fixed("name", "project", "region", "network", "ipCidrRange", "subnet"),
        outputs={
            "selfLink": "projects/{project}/locations/{region}/connectors/{name}", "project": "{project}",
            "region": "{region}",
        },
        within=_IN_NETWORK,
    ),
    _ZONE: Traits(
        id="projects/{project}/managedZones/{name}",
        name=RFC1035,
        replace_on=fixed("name", "project", "dnsName", "visibility"),
        outputs={"project": "{project}"},
    ),
    # A zone that the program only names (`agent-exchange:gcp.zone`) exists outside of it.
    "gcp:dns/recordSet:RecordSet": Traits(
        id="projects/{project}/managedZones/{managedZone}/rrsets/{name}/{type}",
        name=Name("name", r"(\*\.)?([a-z0-9_-]+\.)+", 253, auto=False),
        replace_on=fixed("name", "project", "managedZone"),
        outputs={"project": "{project}"},
    ),
}  # fmt: skip

__all__ = ["NETWORK", "NETWORK_TYPE", "RFC1035"]
