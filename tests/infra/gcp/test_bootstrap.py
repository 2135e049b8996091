"""What exists once per project: nobody but one repository gets in, and a pull request sees nothing of production."""

import re
from collections.abc import Mapping

import pytest

from infra.gcp.apis import APIS
from tests.infra.gcp.stacks import NUMBER, PROJECT, run_of, settings_of, stack

MEMBER, ACCOUNT = "gcp:projects/iAMMember:IAMMember", "gcp:serviceaccount/account:Account"
POOL, PROVIDER = (
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
    ("gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"),
)
TRUST, BUCKET_MEMBER = "gcp:serviceaccount/iAMMember:IAMMember", "gcp:storage/bucketIAMMember:BucketIAMMember"
KEY, KEY_MEMBER = "gcp:kms/cryptoKey:CryptoKey", "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"

GUIDES_APIS = {
    "run",
    "artifactregistry",
    "firestore",
    "secretmanager",
    "cloudresourcemanager",
    "iam",
    "iamcredentials",
    "logging",
    "monitoring",
    "cloudtrace",
}
PREVIEW = f"serviceAccount:aex-github-preview@{PROJECT}.iam.gserviceaccount.com"


def test_the_guides_apis_and_those_really_used_are_enabled_and_never_disabled() -> None:
    found = {each.inputs["service"]: each.inputs for each in stack("bootstrap").of("gcp:projects/service:Service")}
    assert {f"{name}.googleapis.com" for name in GUIDES_APIS} <= set(found)
    assert len(found) == len(APIS)
    for inputs in found.values():
        assert inputs["disableOnDestroy"] is False
    for name in ("production", "staging", "pr-12"):
        assert not stack(name).of("gcp:projects/service:Service"), "environment stacks do not own them"


def test_only_one_repository_is_trusted_by_the_numbers_that_never_change() -> None:
    provider = stack("bootstrap").one(PROVIDER).inputs
    assert provider["oidc"]["issuerUri"] == "https://token.actions.githubusercontent.com"
    assert provider["attributeCondition"] == (
        "assertion.repository_id == '456' && assertion.repository_owner_id == '123'"
    )
    # Google refuses a subject of more than 127 characters, which GitHub's own may have: names of owner and repository
    # alone take 140. Numbers do not, and lead an auditor to the very run.
    subject = provider["attributeMapping"]["google.subject"]
    assert subject == "'repository:' + assertion.repository_id + ':run:' + assertion.run_id"


def test_each_account_is_bound_to_one_environment_or_to_pull_requests() -> None:
    run = stack("bootstrap")
    pool = f"projects/{NUMBER}/locations/global/workloadIdentityPools/"
    found = {
        each.name: re.sub(rf"{pool}aex-github-[^/]+/", "", each.inputs["member"].removeprefix("principalSet://"))
        for each in run.of(TRUST)
    }
    assert found == {
        # A stack on both clouds is deployed by one job, in the environment of the first.
        "deploy-production-gcp-trust": "iam.googleapis.com/attribute.environment/gcp-production",
        "deploy-production-aws-trust": "iam.googleapis.com/attribute.environment/aws-production",
        "deploy-staging-gcp-trust": "iam.googleapis.com/attribute.environment/gcp-staging",
        "deploy-staging-aws-trust": "iam.googleapis.com/attribute.environment/aws-staging",
        "drift-production-gcp-trust": "iam.googleapis.com/attribute.environment/gcp-production-drift",
        "drift-production-aws-trust": "iam.googleapis.com/attribute.environment/aws-production-drift",
        "drift-staging-gcp-trust": "iam.googleapis.com/attribute.environment/gcp-staging-drift",
        "drift-staging-aws-trust": "iam.googleapis.com/attribute.environment/aws-staging-drift",
        "preview-trust": "iam.googleapis.com/attribute.event_name/pull_request",
    }
    assert {each.inputs["role"] for each in run.of(TRUST)} == {"roles/iam.workloadIdentityUser"}
    mapped = set(run.one(PROVIDER).inputs["attributeMapping"])
    assert {"attribute.environment", "attribute.event_name"} <= mapped


def mapped_environment(assertion: Mapping[str, str]) -> str:
    """What Google's expression makes of a token; the few forms that it uses read as Python."""
    expression = stack("bootstrap").one(PROVIDER).inputs["attributeMapping"]["attribute.environment"]
    condition, otherwise = expression.split(" ? ")
    then, otherwise = otherwise.split(" : ")
    holds = True
    for part in condition.split(" && "):
        if part == "has(assertion.environment)":
            holds = holds and "environment" in assertion
            continue
        found = re.fullmatch(r"!assertion\.(\w+)\.startsWith\('(\w+)'\)", part)
        assert found, part
        holds = holds and not assertion[found[1]].startswith(found[2])
    return assertion[then.removeprefix("assertion.")] if holds else otherwise.strip("'")


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "pull_request_review"])
def test_code_of_a_pull_request_that_names_an_environment_gets_no_deploy_account(event: str) -> None:
    for environment in ("gcp-production", "gcp-staging"):
        assert mapped_environment({"event_name": event, "environment": environment}) == "none"
    assert mapped_environment({"event_name": event}) == "none"


@pytest.mark.parametrize("event", ["push", "workflow_dispatch", "release"])
def test_a_deployment_has_the_environment_that_github_has_approved(event: str) -> None:
    assert mapped_environment({"event_name": event, "environment": "gcp-production"}) == "gcp-production"
    assert mapped_environment({"event_name": event}) == "none"


def test_a_new_pool_has_a_new_id_because_google_keeps_deleted_ones() -> None:
    run = stack("bootstrap")
    assert run.of("random:index/randomId:RandomId")
    assert "pool.hex" in run.one(POOL).inputs["workloadIdentityPoolId"]
    assert run.one(POOL).options.protect
    for name in ("production", "staging", "pr-12"):
        assert not stack(name).of(POOL)


def test_there_are_no_keys_no_basic_roles_and_nobody_who_makes_tokens_for_others() -> None:
    for name in ("bootstrap", "production", "staging", "pr-12"):
        run = stack(name)
        assert not run.of("gcp:serviceaccount/key:Key")
        for each in run.resources:
            role = str(each.inputs.get("role", ""))
            assert role not in {"roles/owner", "roles/editor", "roles/viewer"}, each.urn
            assert role not in {"roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountKeyAdmin"}, each.urn


def test_memberships_add_and_never_replace_what_others_have_granted() -> None:
    for name in ("bootstrap", "production"):
        for each in stack(name).resources:
            assert not re.search(r"IAM(Binding|Policy)$|Iam(Binding|Policy)$", each.type), each.urn


def test_a_deployment_cannot_make_itself_the_owner() -> None:
    run = stack("bootstrap")
    granting = [each for each in run.of(MEMBER) if each.inputs["role"] == "roles/resourcemanager.projectIamAdmin"]
    assert len(granting) == 2
    for each in granting:
        assert each.inputs["condition"]["expression"] == (
            "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/cloudtrace.agent', "
            "'roles/logging.logWriter', 'roles/monitoring.metricWriter', 'roles/datastore.user'])"
        )
    granted = {each.inputs["role"] for name in ("production", "pr-12") for each in stack(name).of(MEMBER)}
    assert granted == {
        "roles/cloudtrace.agent",
        "roles/logging.logWriter",
        "roles/monitoring.metricWriter",
        "roles/datastore.user",
    }


@pytest.mark.parametrize(
    ("account", "environment"),
    [("preview", "staging"), ("drift", "production"), ("drift-staging", "staging")],
)
def test_who_only_looks_reads_neither_data_nor_secrets_nor_another_environment(account: str, environment: str) -> None:
    run = stack("bootstrap")
    member = f"serviceAccount:aex-github-{account}@{PROJECT}.iam.gserviceaccount.com"
    roles = {each.inputs["role"] for each in run.of(MEMBER) if each.inputs["member"] == member}
    assert roles
    for forbidden in ("secretAccessor", "admin", "datastore.", "storage.", "logging.viewer", "serviceAccountUser"):
        assert not any(forbidden in role for role in roles), forbidden
    custom = run.one("gcp:projects/iAMCustomRole:IAMCustomRole").inputs["permissions"]
    assert all(permission.endswith((".get", ".list", ".getMetadata", ".getIamPolicy")) for permission in custom)
    assert not any(permission.startswith(("datastore.entities", "secretmanager")) for permission in custom)
    (state,) = (each.inputs for each in run.of(BUCKET_MEMBER) if each.inputs["member"] == member)
    assert state["role"] == "roles/storage.objectViewer"
    (key,) = (each.inputs for each in run.of(KEY_MEMBER) if each.inputs["member"] == member)
    assert key["role"] == "roles/cloudkms.cryptoKeyDecrypter"
    assert key["cryptoKeyId"] == f"state-{environment}-id"


def test_who_is_not_production_gets_no_state_of_production_or_bootstrap() -> None:
    run = stack("bootstrap")
    for each in run.of(BUCKET_MEMBER):
        condition = each.inputs.get("condition")
        if each.name in ("deploy-production-state", "drift-production-state"):
            assert condition is None
            continue
        assert condition is not None
        expression = condition["expression"]
        for name in ("production", "bootstrap"):
            for part in ("stacks/agent-exchange", "history/agent-exchange", "backups/agent-exchange"):
                path = f"projects/_/buckets/{PROJECT}-aex-state/objects/.pulumi/{part}/{name}"
                assert f'resource.name.startsWith("{path}")' in expression
        assert expression.startswith("!(")
        assert len(re.findall(r"&&|\|\||!", expression)) <= 12, "Google's limit of logical operators"
    for each in run.of(MEMBER):
        if each.inputs["role"].startswith("roles/storage."):
            assert f"{PROJECT}-aex-state" in each.inputs["condition"]["expression"]


def test_the_state_is_private_versioned_and_its_secrets_have_a_key_per_environment() -> None:
    run = stack("bootstrap")
    bucket = run.one("gcp:storage/bucket:Bucket")
    assert bucket.inputs["publicAccessPrevention"] == "enforced"
    assert bucket.inputs["uniformBucketLevelAccess"] is True
    assert bucket.inputs["versioning"] == {"enabled": True}
    assert bucket.inputs["forceDestroy"] is False
    assert bucket.options.protect
    assert {each.inputs["name"] for each in run.of(KEY)} == {"aex-state-production", "aex-state-staging"}
    for each in run.of(KEY):
        assert each.options.protect
        assert each.inputs["rotationPeriod"] == f"{90 * 86400}s"


def test_reads_of_secrets_keys_and_state_are_logged() -> None:
    found = {
        each.inputs["service"]: {config["logType"] for config in each.inputs["auditLogConfigs"]}
        for each in stack("bootstrap").of("gcp:projects/iAMAuditConfig:IAMAuditConfig")
    }
    for service in ("secretmanager", "cloudkms", "storage", "iam"):
        assert "DATA_READ" in found[f"{service}.googleapis.com"]


def test_outputs_are_what_the_workflows_need() -> None:
    outputs = stack("bootstrap").outputs["gcp"]
    assert outputs["backend"] == f"gs://{PROJECT}-aex-state"
    deploying = {"gcp-production", "gcp-staging"}
    assert set(outputs["github"]) == deploying | {f"{environment}-drift" for environment in deploying}
    for environment, values in outputs["github"].items():
        assert set(values) == {
            "GCP_PROJECT_ID",
            "GCP_REGION",
            "GCP_WORKLOAD_IDENTITY_PROVIDER",
            "GCP_SERVICE_ACCOUNT",
        }
        assert values["GCP_WORKLOAD_IDENTITY_PROVIDER"].startswith(f"projects/{NUMBER}/locations/global/")
        assert values["GCP_SERVICE_ACCOUNT"] == outputs["accounts"][environment]
    assert outputs["secretsProviders"]["staging"] == (
        f"gcpkms://projects/{PROJECT}/locations/us-central1/keyRings/agent-exchange/cryptoKeys/aex-state-staging"
    )


@pytest.mark.parametrize(
    ("environments", "accounts", "keys"),
    [
        (["production"], {"aex-github-actions", "aex-github-drift"}, {"aex-state-production"}),
        (
            ["staging"],
            {"aex-github-actions-staging", "aex-github-drift-staging", "aex-github-preview"},
            {"aex-state-staging"},
        ),
    ],
)
def test_a_project_for_one_environment_trusts_no_other(
    environments: list[str], accounts: set[str], keys: set[str]
) -> None:
    run = run_of(settings_of("bootstrap", {"environments": environments}))
    assert {each.inputs["accountId"] for each in run.of(ACCOUNT)} == accounts
    assert {each.inputs["name"] for each in run.of(KEY)} == keys
    trusted = {each.inputs["member"].rpartition("/")[2] for each in run.of(TRUST)}
    names = {f"{cloud}-{environments[0]}{suffix}" for cloud in ("gcp", "aws") for suffix in ("", "-drift")}
    assert trusted - {"pull_request"} == names
    assert ("pull_request" in trusted) is ("staging" in environments), "pull requests are previewed against staging"
    assert set(run.outputs["gcp"]["github"]) == {f"gcp-{environments[0]}", f"gcp-{environments[0]}-drift"}
    assert set(run.outputs["gcp"]["secretsProviders"]) == set(environments)


def test_a_project_can_be_created_and_is_not_lost_with_its_stack() -> None:
    run = run_of(
        settings_of("bootstrap", {"createProject": {"billingAccount": "012345-6789AB-CDEF01", "folder": "123"}})
    )
    project = run.one("gcp:organizations/project:Project")
    assert project.inputs["projectId"] == PROJECT
    assert project.inputs["autoCreateNetwork"] is False
    assert project.inputs["deletionPolicy"] == "PREVENT"
    assert project.options.protect
    for each in run.of("gcp:projects/service:Service"):
        assert each.inputs["project"] == PROJECT
        assert project.urn in set(each.options.propertyDependencies["project"].urns)


@pytest.mark.parametrize("name", ["production", "staging", "pr-12"])
def test_environment_stacks_own_nothing_that_exists_once(name: str) -> None:
    kinds = set(stack(name).inventory())
    assert not kinds & {POOL, PROVIDER, "gcp:kms/keyRing:KeyRing", "gcp:projects/iAMAuditConfig:IAMAuditConfig"}
