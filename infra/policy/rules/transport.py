"""Encryption on the way: clients, load balancers, the database, buckets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from infra.policy.model import About, Place, Resource, Stack, resource_rule, stack_rule
from infra.policy.statements import statements

_STRONG_AWS: Final = ("ELBSecurityPolicy-TLS13-1-2-", "ELBSecurityPolicy-TLS13-1-3-", "ELBSecurityPolicy-FS-1-2-")
_WEAK_EXTENSIONS: Final = ("-Ext1-", "-Ext0-")
"""Ext1 and Ext0 of a policy bring back ciphers without forward secrecy."""


@resource_rule(
    About(
        id="aws-listener-https",
        place=Place.AWS,
        reason="API keys travel in headers, and whoever reads one trades in its owner's name",
        remedy="set agent-exchange:aws.domain, so that port 80 only redirects to HTTPS",
        checkov=("CKV_AWS_2", "CKV2_AWS_20"),
        where="stacks with a domain, and production without allowHttp",
    ),
    "aws:lb/listener:Listener",
)
def listener_https(resource: Resource, stack: Stack) -> Iterator[str]:
    """A listener encrypts, or redirects to one that does."""
    if not stack.https or resource.properties.text("protocol") in ("HTTPS", "TLS"):
        return
    for action in resource.properties.parts("defaultActions"):
        if action.text("type") != "redirect" or action.text("redirect.protocol") != "HTTPS":
            yield f"port {resource.properties.text('port')} serves without encryption"


@resource_rule(
    About(
        id="aws-listener-tls",
        place=Place.AWS,
        reason="TLS 1.0 and 1.1 and ciphers without forward secrecy are broken",
        remedy="set sslPolicy to ELBSecurityPolicy-TLS13-1-2-2021-06",
        checkov=("CKV_AWS_103", "CKV2_AWS_74"),
    ),
    "aws:lb/listener:Listener",
)
def listener_tls(resource: Resource, _: Stack) -> Iterator[str]:
    """TLS 1.2 or later with strong ciphers."""
    if resource.properties.text("protocol") not in ("HTTPS", "TLS"):
        return
    policy = resource.properties.text("sslPolicy")
    if not policy.startswith(_STRONG_AWS) or any(weak in policy for weak in _WEAK_EXTENSIONS):
        yield f"the listener accepts weak TLS ({policy or 'AWS chooses'})"


@resource_rule(
    About(
        id="aws-docdb-tls",
        place=Place.AWS,
        reason="passwords and data of all tenants pass between services and database",
        remedy="set the parameter tls to enabled",
        checkov=("CKV_AWS_90",),
    ),
    "aws:docdb/clusterParameterGroup:ClusterParameterGroup",
)
def docdb_tls(resource: Resource, _: Stack) -> Iterator[str]:
    """The database takes encrypted connections only."""
    set_to = {each.text("name"): each.text("value") for each in resource.properties.parts("parameters")}
    if set_to.get("tls", "disabled") == "disabled":
        yield "the database takes connections without TLS"


@stack_rule(
    About(
        id="aws-bucket-tls",
        place=Place.AWS,
        reason="S3 answers plain HTTP too, unless the bucket's policy refuses it",
        remedy="declare a BucketPolicy that denies everything where aws:SecureTransport is false",
    ),
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketPolicy:BucketPolicy",
)
def bucket_tls(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """Buckets refuse what is not encrypted."""
    for bucket in (each for each in resources if each.type.endswith(":Bucket")):
        policies = [each for each in resources if each.refers_to(bucket, "bucket")]
        denied = any(
            each.effect == "Deny" and each.condition("aws:SecureTransport") == ["false"]
            for policy in policies
            for each in statements(policy.properties, "policy")
        )
        if not denied:
            yield bucket, "the bucket answers without encryption"


@resource_rule(
    About(
        id="gcp-ssl-policy",
        place=Place.GCP,
        reason="TLS 1.0 and 1.1 and old ciphers are broken",
        remedy="set minTlsVersion to TLS_1_2 and profile to MODERN or RESTRICTED",
        checkov=("CKV_GCP_4",),
    ),
    "gcp:compute/sSLPolicy:SSLPolicy",
)
def ssl_policy(resource: Resource, _: Stack) -> Iterator[str]:
    """TLS 1.2 or later with strong ciphers."""
    if resource.properties.text("minTlsVersion") not in ("TLS_1_2", "TLS_1_3"):
        yield "TLS before 1.2 is accepted"
    if resource.properties.text("profile") not in ("MODERN", "RESTRICTED"):
        yield "weak ciphers are accepted"


@resource_rule(
    About(
        id="gcp-proxy-ssl-policy",
        place=Place.GCP,
        reason="without a policy Google accepts TLS 1.0 from clients",
        remedy="set sslPolicy on the proxy",
        checkov=("CKV_GCP_4",),
    ),
    "gcp:compute/targetHttpsProxy:TargetHttpsProxy",
)
def proxy_ssl_policy(resource: Resource, _: Stack) -> Iterator[str]:
    """Every HTTPS proxy has a policy."""
    if not resource.properties.has("sslPolicy"):
        yield "the proxy has no SSL policy"


@stack_rule(
    About(
        id="gcp-http-redirects",
        place=Place.GCP,
        reason="API keys travel in headers, and whoever reads one trades in its owner's name",
        remedy="let the proxy's URL map redirect to HTTPS",
    ),
    "gcp:compute/targetHttpProxy:TargetHttpProxy",
    "gcp:compute/uRLMap:URLMap",
)
def http_redirects(resources: Sequence[Resource], _: Stack) -> Iterator[tuple[Resource | None, str]]:
    """What listens without encryption only redirects."""
    for proxy in (each for each in resources if each.type.endswith(":TargetHttpProxy")):
        for each in resources:
            if proxy.refers_to(each, "urlMap") and each.properties.flag("defaultUrlRedirect.httpsRedirect") is not True:
                yield proxy, "port 80 serves without encryption"


RULES = (
    listener_https,
    listener_tls,
    docdb_tls,
    bucket_tls,
    ssl_policy,
    proxy_ssl_policy,
    http_redirects,
)
