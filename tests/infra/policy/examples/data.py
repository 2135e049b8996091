"""Encryption at rest and on the way; keeping data and images."""

from typing import Any

from tests.infra.policy.building import Example, allow, made, policy, stack

ECR = "aws:ecr/repository:Repository"
DOCDB = "aws:docdb/cluster:Cluster"
PARAMETERS = "aws:docdb/clusterParameterGroup:ClusterParameterGroup"
SECRET = "aws:secretsmanager/secret:Secret"
KEY = "aws:kms/key:Key"
BUCKET = made("aws:s3/bucket:Bucket", "logs", bucket="logs")
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
LISTENER = "aws:lb/listener:Listener"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
CRYPTO = "gcp:kms/cryptoKey:CryptoKey"
PROXY = "gcp:compute/targetHttpProxy:TargetHttpProxy"
MAP = "gcp:compute/uRLMap:URLMap"
FIRESTORE = "gcp:firestore/database:Database"
GOOGLE_BUCKET = "gcp:storage/bucket:Bucket"
RUN = "gcp:cloudrunv2/service:Service"
GOOGLE_SECRET = "gcp:secretmanager/secret:Secret"
REGISTRY = "gcp:artifactregistry/repository:Repository"

FORWARD = {"type": "forward", "targetGroupArn": "arn"}
REDIRECT = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
REDIRECTING = made(MAP, "http", defaultUrlRedirect={"httpsRedirect": True, "stripQuery": False})
SERVING = made(MAP, "http", defaultService="backend")
ONLY_TLS = {
    "Effect": "Deny",
    "Action": "s3:*",
    "Principal": "*",
    "Resource": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
DATABASE = made(FIRESTORE, "database", protect=True, name="agent-exchange")
KEPT_DATABASE: dict[str, Any] = {
    "deleteProtectionState": "DELETE_PROTECTION_ENABLED",
    "deletionPolicy": "PREVENT",
    "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED",
}


def parameters(**values: str):
    return made(PARAMETERS, parameters=[{"name": name, "value": value} for name, value in values.items()])


EXAMPLES = (
    Example(
        "aws-ecr-key",
        good=[made(ECR, encryptionConfigurations=[{"encryptionType": "KMS", "kmsKey": "arn"}])],
        bad=[made(ECR), made(ECR, encryptionConfigurations=[{"encryptionType": "AES256"}])],
    ),
    Example(
        "aws-docdb-encrypted",
        good=[made(DOCDB, storageEncrypted=True, kmsKeyId="arn")],
        bad=[made(DOCDB), made(DOCDB, storageEncrypted=False, kmsKeyId="arn"), made(DOCDB, storageEncrypted=True)],
    ),
    Example("aws-secret-key", good=[made(SECRET, kmsKeyId="arn")], bad=[made(SECRET)]),
    Example(
        "aws-log-group-key",
        good=[made("aws:cloudwatch/logGroup:LogGroup", kmsKeyId="arn")],
        bad=[made("aws:cloudwatch/logGroup:LogGroup")],
    ),
    Example(
        "aws-topic-key",
        good=[made("aws:sns/topic:Topic", kmsMasterKeyId="arn")],
        bad=[made("aws:sns/topic:Topic")],
    ),
    Example(
        "aws-key-rotation",
        good=[made(KEY, enableKeyRotation=True, policy="{}")],
        bad=[made(KEY, policy="{}"), made(KEY, enableKeyRotation=True)],
    ),
    Example(
        "aws-bucket-encrypted",
        good=[[BUCKET, made(ENCRYPTION, refers={"bucket": BUCKET}, rules=[{"bucketKeyEnabled": True}])], []],
        bad=[BUCKET, [BUCKET, made(ENCRYPTION, rules=[{"bucketKeyEnabled": True}])]],
    ),
    Example(
        "gcp-key-rotation",
        good=[made(CRYPTO, rotationPeriod="7776000s")],
        bad=[made(CRYPTO), made(CRYPTO, rotationPeriod="7776001s")],
    ),
    Example("gcp-key-kept", good=[made(CRYPTO, protect=True)], bad=[made(CRYPTO)]),
    Example("gcp-key-kept", good=[made(CRYPTO)], bad=[], within=stack("staging")),
    Example(
        "aws-listener-https",
        good=[
            made(LISTENER, protocol="HTTPS", defaultActions=[FORWARD]),
            made(LISTENER, protocol="HTTP", port=80, defaultActions=[REDIRECT]),
        ],
        bad=[made(LISTENER, protocol="HTTP", port=80, defaultActions=[FORWARD])],
    ),
    Example(
        "aws-listener-https",
        good=[made(LISTENER, protocol="HTTP", port=80, defaultActions=[FORWARD])],
        bad=[],
        within=stack("staging", https=False),
    ),
    Example(
        "aws-listener-tls",
        good=[
            made(LISTENER, protocol="HTTPS", sslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06"),
            made(LISTENER, protocol="HTTP"),
        ],
        bad=[
            made(LISTENER, protocol="HTTPS"),
            made(LISTENER, protocol="HTTPS", sslPolicy="ELBSecurityPolicy-2016-08"),
            made(LISTENER, protocol="HTTPS", sslPolicy="ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06"),
        ],
    ),
    Example("aws-docdb-tls", good=[parameters(tls="enabled")], bad=[parameters(), parameters(tls="disabled")]),
    Example(
        "aws-bucket-tls",
        good=[[BUCKET, made(BUCKET_POLICY, refers={"bucket": BUCKET}, policy=policy(ONLY_TLS))]],
        bad=[BUCKET, [BUCKET, made(BUCKET_POLICY, refers={"bucket": BUCKET}, policy=policy(allow("s3:PutObject")))]],
    ),
    Example(
        "gcp-ssl-policy",
        good=[made("gcp:compute/sSLPolicy:SSLPolicy", minTlsVersion="TLS_1_2", profile="MODERN")],
        bad=[
            made("gcp:compute/sSLPolicy:SSLPolicy", profile="MODERN"),
            made("gcp:compute/sSLPolicy:SSLPolicy", minTlsVersion="TLS_1_2", profile="COMPATIBLE"),
        ],
    ),
    Example(
        "gcp-proxy-ssl-policy",
        good=[made("gcp:compute/targetHttpsProxy:TargetHttpsProxy", sslPolicy="policy")],
        bad=[made("gcp:compute/targetHttpsProxy:TargetHttpsProxy")],
    ),
    Example(
        "gcp-http-redirects",
        good=[[REDIRECTING, made(PROXY, refers={"urlMap": REDIRECTING})], [SERVING]],
        bad=[[SERVING, made(PROXY, refers={"urlMap": SERVING})]],
    ),
    Example(
        "stateful-protected",
        good=[made(DOCDB, protect=True), made(BALANCER)],
        bad=[made(DOCDB), made(FIRESTORE), made(SECRET)],
    ),
    Example("stateful-protected", good=[made(DOCDB)], bad=[], within=stack("ephemeral")),
    Example(
        "aws-docdb-kept",
        good=[made(DOCDB, deletionProtection=True, skipFinalSnapshot=False, finalSnapshotIdentifier="last")],
        bad=[
            made(DOCDB, skipFinalSnapshot=False, finalSnapshotIdentifier="last"),
            made(DOCDB, deletionProtection=True, skipFinalSnapshot=True, finalSnapshotIdentifier="last"),
            made(DOCDB, deletionProtection=True, skipFinalSnapshot=False),
        ],
    ),
    Example("aws-docdb-kept", good=[made(DOCDB)], bad=[], within=stack("staging")),
    Example(
        "aws-docdb-backups",
        good=[made(DOCDB, backupRetentionPeriod=7)],
        bad=[made(DOCDB), made(DOCDB, backupRetentionPeriod=6)],
    ),
    Example("aws-docdb-backups", good=[made(DOCDB, backupRetentionPeriod=1)], bad=[], within=stack("ephemeral")),
    Example("aws-alb-kept", good=[made(BALANCER, enableDeletionProtection=True)], bad=[made(BALANCER)]),
    Example("aws-alb-kept", good=[made(BALANCER)], bad=[], within=stack("staging")),
    Example(
        "aws-secret-recoverable",
        good=[made(SECRET), made(SECRET, recoveryWindowInDays=30)],
        bad=[made(SECRET, recoveryWindowInDays=0)],
    ),
    Example("aws-secret-recoverable", good=[made(SECRET, recoveryWindowInDays=0)], bad=[], within=stack("ephemeral")),
    Example(
        "aws-ecr-immutable",
        good=[
            made(ECR, imageTagMutability="IMMUTABLE"),
            made(
                ECR,
                imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
                imageTagMutabilityExclusionFilters=[{"filter": "deployed*", "filterType": "WILDCARD"}],
            ),
        ],
        bad=[
            made(ECR),
            made(ECR, imageTagMutability="MUTABLE"),
            made(
                ECR,
                imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
                imageTagMutabilityExclusionFilters=[{"filter": "*", "filterType": "WILDCARD"}],
            ),
        ],
    ),
    Example(
        "aws-ecr-scanned",
        good=[made(ECR, imageScanningConfiguration={"scanOnPush": True})],
        bad=[made(ECR), made(ECR, imageScanningConfiguration={"scanOnPush": False})],
    ),
    Example(
        "gcp-registry-scanned",
        good=[made(REGISTRY, vulnerabilityScanningConfig={"enablementConfig": "INHERITED"}), made(REGISTRY)],
        bad=[made(REGISTRY, vulnerabilityScanningConfig={"enablementConfig": "DISABLED"})],
    ),
    Example(
        "gcp-firestore-kept",
        good=[made(FIRESTORE, **KEPT_DATABASE)],
        bad=[
            made(FIRESTORE),
            made(FIRESTORE, **{**KEPT_DATABASE, "deleteProtectionState": "DELETE_PROTECTION_DISABLED"}),
            made(FIRESTORE, **{**KEPT_DATABASE, "deletionPolicy": "DELETE"}),
            made(FIRESTORE, **{**KEPT_DATABASE, "pointInTimeRecoveryEnablement": ""}),
        ],
    ),
    Example("gcp-firestore-kept", good=[made(FIRESTORE)], bad=[], within=stack("ephemeral")),
    Example(
        "gcp-firestore-backups",
        good=[[DATABASE, made("gcp:firestore/backupSchedule:BackupSchedule", refers={"database": DATABASE})]],
        bad=[DATABASE, [DATABASE, made("gcp:firestore/backupSchedule:BackupSchedule")]],
    ),
    Example("gcp-firestore-backups", good=[DATABASE], bad=[], within=stack("staging")),
    Example(
        "gcp-service-kept",
        good=[made(RUN, deletionProtection=True), made(GOOGLE_SECRET, deletionProtection=True)],
        bad=[made(RUN), made(GOOGLE_SECRET, deletionProtection=False)],
    ),
    Example("gcp-service-kept", good=[made(RUN)], bad=[], within=stack("staging")),
    Example(
        "gcp-bucket-versioned",
        good=[made(GOOGLE_BUCKET, versioning={"enabled": True})],
        bad=[made(GOOGLE_BUCKET), made(GOOGLE_BUCKET, versioning={"enabled": False})],
    ),
    Example("gcp-bucket-versioned", good=[made(GOOGLE_BUCKET)], bad=[], within=stack("ephemeral")),
)
