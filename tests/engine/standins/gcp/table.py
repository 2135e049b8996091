"""Google's types other than networks: what cannot change, how ids look, what lives in what, what refuses to go.

From the provider's schemas (`ForceNew` there) and Google's API reference, as of pulumi-gcp 10.2 (google provider 7.x).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from infra.components.protocol import Context, Created, PlainProperties
from tests.engine.standins.checked import CheckedKind
from tests.engine.standins.gcp.run import JOB, SERVICE
from tests.engine.standins.traits import Guard, Name, Traits, Within, fixed

SECRET: Final = "gcp:secretmanager/secret:Secret"
SECRET_VERSION: Final = "gcp:secretmanager/secretVersion:SecretVersion"
DATABASE: Final = "gcp:firestore/database:Database"
ACCOUNT: Final = "gcp:serviceaccount/account:Account"
BUCKET: Final = "gcp:storage/bucket:Bucket"
_KEY_RING: Final = "gcp:kms/keyRing:KeyRing"
_KEY: Final = "gcp:kms/cryptoKey:CryptoKey"
_POOL: Final = "gcp:iam/workloadIdentityPool:WorkloadIdentityPool"
_SLO_SERVICE: Final = "gcp:monitoring/customService:CustomService"

_PROJECT: Final = {"project": "{project}"}
_PLACED: Final = {"project": "{project}", "location": "{location}"}
_PREVENT: Final = Guard(
    "deletionPolicy", ("PREVENT",), "deletionPolicy is PREVENT: change it and run `pulumi up` first"
)
_PROTECTED: Final = Guard("deletionProtection", (True,), "deletionProtection is true: set it to false by an `up` first")


def _member(*where: str, within: tuple[Within, ...] = (), outputs: Mapping[str, str] = _PROJECT) -> Traits:
    """One membership in a policy. The same one twice is refused here, since either would take the other's away."""
    return Traits(
        id="/".join([*(f"{{{key}}}" for key in where), "{role}", "{member}"]),
        replace_on=fixed(*where, *outputs, "role", "member", "condition"),
        outputs=outputs,
        within=within,
        holds=False,
    )


def _index(facts: PlainProperties) -> str:
    """The id of an index: Google makes it up, but refuses a second index over the same fields, as this one does."""
    covered = hashlib.sha256(json.dumps([facts["fields"], facts.get("queryScope")]).encode()).hexdigest()[:12]
    database, collection = facts["database"], facts["collection"]
    return f"projects/{facts['project']}/databases/{database}/collectionGroups/{collection}/indexes/{covered}"


_RUN_NAME = Name("name", r"[a-z]([-a-z0-9]*[a-z0-9])?", 49)

TABLE: Final[Mapping[str, Traits]] = {
    "gcp:artifactregistry/repository:Repository": Traits(
        id="projects/{project}/locations/{location}/repositories/{repositoryId}",
        name=Name("repositoryId", r"[a-z]([-a-z0-9]*[a-z0-9])?", 63, auto=False),
        replace_on=fixed("repositoryId", "location", "project", "format", "kmsKeyName", "mode"),
        outputs={**_PLACED, "name": "{repositoryId}",
                 "registryUri": "{location}-docker.pkg.dev/{project}/{repositoryId}"},
        guards=(_PREVENT,),
    ),
    "gcp:billing/budget:Budget": Traits(
        id="billingAccounts/{billingAccount}/budgets/{hash}",
        replace_on=fixed("billingAccount"),
        outputs={"name": "{hash}"},
    ),
    SERVICE: Traits(
        id="projects/{project}/locations/{location}/services/{name}",
        name=_RUN_NAME,
        replace_on=fixed("name", "location", "project"),
        outputs={
            **_PLACED,
            "uri": "https://{name}-{hash}-uc.a.run.app",
            "urls": lambda facts: [f"https://{facts['name']}-{facts['number']}.{facts['location']}.run.app"],
            "latestCreatedRevision": "{name}-{hash}", "latestReadyRevision": "{name}-{hash}",
        },
        volatile=fixed("latestCreatedRevision", "latestReadyRevision"),
        guards=(_PROTECTED, _PREVENT),
        cascades=True,
    ),
    JOB: Traits(
        id="projects/{project}/locations/{location}/jobs/{name}",
        name=_RUN_NAME,
        replace_on=fixed("name", "location", "project"),
        outputs=dict(_PLACED),
        guards=(_PROTECTED, _PREVENT),
        cascades=True,
    ),
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember": _member(
        "location", "name", within=(Within("name", SERVICE),)
    ),
    "gcp:cloudrunv2/jobIamMember:JobIamMember": _member("location", "name", within=(Within("name", JOB),)),
    "gcp:cloudscheduler/job:Job": Traits(
        id="projects/{project}/locations/{region}/jobs/{name}",
        name=Name("name", r"[A-Za-z0-9_-]+", 500),
        replace_on=fixed("name", "region", "project"),
        outputs={**_PROJECT, "region": "{region}", "state": "ENABLED"},
    ),
    DATABASE: Traits(
        id="projects/{project}/databases/{name}",
        name=Name("name", r"\(default\)|[a-z][-a-z0-9]{2,61}[a-z0-9]", 63),
        replace_on=fixed("name", "project", "locationId", "databaseEdition", "cmekConfig", "tags"),
        outputs=dict(_PROJECT),
        guards=(
            Guard("deleteProtectionState", ("DELETE_PROTECTION_ENABLED",),
                  "delete protection is enabled: disable it by an `up` first"),
            _PREVENT,
        ),
        # The provider's default, which is why the program has to say otherwise.
        abandoned=(("deletionPolicy", "ABANDON"), ("deletionPolicy", None)),
        cascades=True,
    ),
    "gcp:firestore/index:Index": Traits(
        id=_index,
        replace_on=fixed("apiScope", "collection", "database", "density", "fields", "multikey", "project", "queryScope",
                         "unique"),
        outputs={**_PROJECT, "name": _index},
        within=(Within("database", DATABASE),),
    ),
    # Every field has settings already; declaring them patches what is there.
    "gcp:firestore/field:Field": Traits(
        id="projects/{project}/databases/{database}/collectionGroups/{collection}/fields/{field}",
        replace_on=fixed("collection", "database", "field", "project"),
        outputs={**_PROJECT,
                 "name": "projects/{project}/databases/{database}/collectionGroups/{collection}/fields/{field}"},
        within=(Within("database", DATABASE),), shared=True,
    ),
    "gcp:firestore/backupSchedule:BackupSchedule": Traits(
        id="projects/{project}/databases/{database}/backupSchedules/{hash}",
        replace_on=fixed("database", "project", "dailyRecurrence", "weeklyRecurrence"),
        outputs={**_PROJECT, "name": "projects/{project}/databases/{database}/backupSchedules/{hash}"},
        within=(Within("database", DATABASE),),
    ),
    SECRET: Traits(
        id="projects/{project}/secrets/{secretId}",
        name=Name("secretId", r"[A-Za-z0-9_-]+", 255),
        replace_on=fixed("secretId", "project", "replication", "tags"),
        outputs={**_PROJECT, "name": "projects/{number}/secrets/{secretId}"},
        guards=(_PROTECTED, _PREVENT),
        cascades=True,
    ),
    SECRET_VERSION: Traits(
        replace_on=fixed("secret", "secretData", "secretDataWo", "secretDataWoVersion", "isSecretDataBase64"),
        within=(Within("secret", SECRET),),
        abandoned=(("deletionPolicy", "ABANDON"),),
        outputs={"version": "", "name": ""},
    ),
    "gcp:secretmanager/secretIamMember:SecretIamMember": _member(
        "secretId", within=(Within("secretId", SECRET, ("id", "name", "secretId")),)
    ),
    ACCOUNT: Traits(
        id="projects/{project}/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com",
        name=Name("accountId", r"[a-z]([-a-z0-9]{4,28}[a-z0-9])", 30, lower=True),
        replace_on=fixed("accountId", "project"),
        outputs={
            **_PROJECT,
            "email": "{accountId}@{project}.iam.gserviceaccount.com",
            "member": "serviceAccount:{accountId}@{project}.iam.gserviceaccount.com",
            "name": "projects/{project}/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com",
        },
        cascades=True,
    ),
    "gcp:serviceaccount/iAMMember:IAMMember": _member(
        "serviceAccountId", within=(Within("serviceAccountId", ACCOUNT, ("id", "name", "email")),), outputs={}
    ),
    "gcp:projects/iAMMember:IAMMember": _member("project"),
    "gcp:projects/iAMAuditConfig:IAMAuditConfig": Traits(
        id="{project}/audit_config/{service}", replace_on=fixed("project", "service"), outputs=dict(_PROJECT)
    ),
    "gcp:projects/iAMCustomRole:IAMCustomRole": Traits(
        id="projects/{project}/roles/{roleId}",
        name=Name("roleId", r"[A-Za-z0-9_.]{3,64}", 64),
        replace_on=fixed("roleId", "project"),
        outputs={**_PROJECT, "name": "projects/{project}/roles/{roleId}"},
    ),
    # An API that is on may have been on before. Nobody's deletion switches it off for others.
    "gcp:projects/service:Service": Traits(
        id="{project}/{service}", replace_on=fixed("project", "service"), outputs=dict(_PROJECT), shared=True,
        abandoned=(("disableOnDestroy", False), ("disableOnDestroy", None)),
    ),
    # Google's own agent of an API: it can be asked for, not deleted.
    "gcp:projects/serviceIdentity:ServiceIdentity": Traits(
        id="projects/{project}/services/{service}", replace_on=fixed("project", "service"), shared=True, remains=True,
        outputs={**_PROJECT, "email": "service-{number}@gcp-sa-agent.iam.gserviceaccount.com",
                 "member": "serviceAccount:service-{number}@gcp-sa-agent.iam.gserviceaccount.com"},
    ),
    "gcp:organizations/project:Project": Traits(
        id="projects/{projectId}",
        name=Name("projectId", r"[a-z][-a-z0-9]{4,28}[a-z0-9]", 30),
        replace_on=fixed("projectId", "tags"),
        outputs={"number": "{number}"},
        guards=(_PREVENT,),
    ),
    _POOL: Traits(
        id="projects/{project}/locations/global/workloadIdentityPools/{workloadIdentityPoolId}",
        name=Name("workloadIdentityPoolId", r"(?!gcp-)[a-z0-9-]{4,32}", 32, auto=False),
        replace_on=fixed("workloadIdentityPoolId", "project", "mode"),
        outputs={**_PROJECT,
                 "name": "projects/{number}/locations/global/workloadIdentityPools/{workloadIdentityPoolId}"},
        cascades=True,
    ),
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": Traits(
        id="projects/{project}/locations/global/workloadIdentityPools/{workloadIdentityPoolId}/providers/"
        "{workloadIdentityPoolProviderId}",
        name=Name("workloadIdentityPoolProviderId", r"(?!gcp-)[a-z0-9-]{4,32}", 32, auto=False),
        replace_on=fixed("workloadIdentityPoolId", "workloadIdentityPoolProviderId", "project"),
        outputs={**_PROJECT, "name": "projects/{number}/locations/global/workloadIdentityPools/"
                 "{workloadIdentityPoolId}/providers/{workloadIdentityPoolProviderId}"},
        within=(Within("workloadIdentityPoolId", _POOL, ("workloadIdentityPoolId",)),),
    ),
    # Neither ever goes: a key's versions are destroyed, its name and the ring's stay taken.
    _KEY_RING: Traits(
        id="projects/{project}/locations/{location}/keyRings/{name}",
        name=Name("name", r"[A-Za-z0-9_-]+", 63),
        replace_on=fixed("name", "location", "project"), outputs=dict(_PROJECT), remains=True,
    ),
    _KEY: Traits(
        id="{keyRing}/cryptoKeys/{name}",
        name=Name("name", r"[A-Za-z0-9_-]+", 63),
        replace_on=fixed("name", "keyRing", "purpose", "destroyScheduledDuration", "importOnly", "cryptoKeyBackend",
                         "skipInitialVersionCreation", "versionTemplate.protectionLevel"),
        within=(Within("keyRing", _KEY_RING),), remains=True,
    ),
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": _member(
        "cryptoKeyId", within=(Within("cryptoKeyId", _KEY),), outputs={}
    ),
    BUCKET: Traits(
        id="{name}",
        name=Name("name", r"[a-z0-9][-_.a-z0-9]{1,61}[a-z0-9]", 63, lower=True),
        replace_on=fixed("name", "location", "project", "customPlacementConfig", "enableObjectRetention",
                         "hierarchicalNamespace"),
        outputs={**_PROJECT, "url": "gs://{name}", "selfLink": "https://www.googleapis.com/storage/v1/b/{name}"},
        cascades=True,
    ),
    "gcp:storage/bucketIAMMember:BucketIAMMember": _member("bucket", within=(Within("bucket", BUCKET),), outputs={}),
    "gcp:logging/metric:Metric": Traits(
        id="{name}", name=Name("name", r"[A-Za-z0-9_.,+!*',()%/-]+", 100), replace_on=fixed("name", "project"),
        outputs=dict(_PROJECT),
    ),
    "gcp:monitoring/alertPolicy:AlertPolicy": Traits(
        id="projects/{project}/alertPolicies/{hash}", replace_on=fixed("project"),
        outputs={**_PROJECT, "name": "projects/{project}/alertPolicies/{hash}"},
    ),
    "gcp:monitoring/notificationChannel:NotificationChannel": Traits(
        id="projects/{project}/notificationChannels/{hash}", replace_on=fixed("project"),
        outputs={**_PROJECT, "name": "projects/{project}/notificationChannels/{hash}"},
    ),
    "gcp:monitoring/dashboard:Dashboard": Traits(
        id="projects/{number}/dashboards/{hash}", replace_on=fixed("project"), outputs=dict(_PROJECT)
    ),
    _SLO_SERVICE: Traits(
        id="projects/{number}/services/{serviceId}",
        name=Name("serviceId", r"[a-z0-9-]+", 63, auto=False),
        replace_on=fixed("serviceId", "project"),
        outputs={**_PROJECT, "name": "projects/{number}/services/{serviceId}"},
    ),
    "gcp:monitoring/slo:Slo": Traits(
        id="projects/{number}/services/{service}/serviceLevelObjectives/{sloId}",
        name=Name("sloId", r"[a-z0-9-]+", 63, auto=False),
        replace_on=fixed("service", "sloId", "project"),
        outputs={**_PROJECT, "name": "projects/{number}/services/{service}/serviceLevelObjectives/{sloId}"},
        within=(Within("service", _SLO_SERVICE, ("id", "name", "serviceId")),),
    ),
    "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig": Traits(
        id="projects/{project}/uptimeCheckConfigs/{resource}-{hash}",
        replace_on=fixed("project", "monitoredResource", "resourceGroup", "checkerType", "httpCheck.requestMethod"),
        outputs={**_PROJECT, "name": "projects/{project}/uptimeCheckConfigs/{resource}-{hash}",
                 "uptimeCheckId": "{resource}-{hash}"},
    ),
}  # fmt: skip


class SecretVersionKind(CheckedKind):
    """Versions are counted: the next one of a secret has the next number, also after others were abandoned."""

    def make(self, context: Context, inputs: PlainProperties) -> Created:
        """Create the next version."""
        (secret,) = (thing for thing in self.world.things(SECRET) if thing.id == inputs["secret"])
        siblings = [thing for thing in self.world.things(self.token) if thing.inputs["secret"] == secret.id]
        number = str(len(siblings) + 1)
        name = f"{secret.outputs['name']}/versions/{number}"
        outputs = {**self.echo(context.urn, inputs), "version": number, "name": name, "enabled": True}
        return Created(name, {key: value for key, value in outputs.items() if key != "id"})


__all__ = ["ACCOUNT", "BUCKET", "DATABASE", "SECRET", "SECRET_VERSION", "TABLE", "SecretVersionKind"]
