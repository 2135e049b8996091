"""`aexctl` on Google Cloud, against recorded answers of its interfaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.components.catalog import CATALOG
from tests.infra.ops.bench import Bench
from tests.infra.ops.gcp_stack import (
    LABELS,
    NEW,
    OLD,
    PARENT,
    PROJECT,
    configured,
    deployed,
    healthy_project,
    nothing,
    revision,
)
from tests.infra.ops.google import EMAIL, Google, google

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with google(tmp_path, monkeypatch) as found:
        yield found


def test_status_shows_revision_instances_and_image(bench: Bench, cloud: Google, capsys: Capture) -> None:
    deployed(bench, cloud)
    code, answer = bench.json(capsys, "status", "-s", "staging")
    (gcp,) = answer["clouds"]
    assert code == 0
    assert [each["service"] for each in gcp["services"]] == list(CATALOG.names)
    gateway = gcp["services"][0]
    assert gateway["revision"] == "aex-gateway-staging-00002-abc"
    assert (gateway["running"], gateway["desired"], gateway["digest"]) == (2, "1-10", NEW)
    assert gateway["deployed"].startswith("2026-11-22T10:00")
    assert gcp["services"][1]["running"] == 0


def test_status_says_why_the_last_revision_failed(bench: Bench, cloud: Google, capsys: Capture) -> None:
    why = "The user-provided container failed to start and listen on the port defined by PORT=8081."
    third = revision("aex-identity", 3, NEW, failed=why)
    first = f"{PARENT}/services/aex-identity-staging/revisions/aex-identity-staging-00001-abc"
    changed: dict[str, Any] = {
        "latestCreatedRevision": third["name"],
        "latestReadyRevision": first,
        "terminalCondition": {"type": "Ready", "state": "CONDITION_FAILED", "message": "Revision is not ready."},
        "trafficStatuses": [
            {
                "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
                "revision": "aex-identity-staging-00001-abc",
                "percent": 100,
            }
        ],
    }
    deployed(bench, cloud, {"aex-identity": changed})
    cloud.on("GET", f"run/v2/{third['name']}", third)
    code, answer = bench.json(capsys, "status", "-s", "staging")
    identity = next(each for each in answer["clouds"][0]["services"] if each["service"] == "aex-identity")
    assert code == 1
    assert identity["health"] == "unhealthy"
    assert identity["reason"] == f"aex-identity-staging-00003-abc: {why}"
    assert (identity["revision"], identity["digest"]) == ("aex-identity-staging-00001-abc", OLD)


def test_status_without_monitoring_says_that_it_does_not_know(bench: Bench, cloud: Google, capsys: Capture) -> None:
    deployed(bench, cloud)
    cloud.refuse("GET", f"monitoring/v3/projects/{PROJECT}/timeSeries", 403, "Permission monitoring denied")
    code, out, _ = bench.aexctl(capsys, "status", "-s", "staging")
    assert code == 0
    assert "?/1-10" in out


def test_doctor_passes_a_prepared_project(bench: Bench, cloud: Google, capsys: Capture) -> None:
    configured(bench)
    healthy_project(cloud)
    code, answer = bench.json(capsys, "doctor", "-s", "staging")
    findings = {each["check"]: each for each in answer["clouds"]["gcp"]}
    assert code == 0, answer
    assert EMAIL in findings["project"]["detail"]
    for check in ("project", "billing", "APIs", "permissions", "quota: networks", "clashes"):
        assert findings[check]["verdict"] == "ok", findings[check]


def test_doctor_names_what_is_missing_and_what_to_do(bench: Bench, cloud: Google, capsys: Capture) -> None:
    configured(bench, projectNumber="999999999999")
    healthy_project(cloud)
    cloud.on("GET", f"cloudbilling/v1/projects/{PROJECT}/billingInfo", {"billingEnabled": False})
    cloud.on("POST", f"cloudresourcemanager/v3/projects/{PROJECT}:testIamPermissions", {})
    cloud.on("GET", f"serviceusage/v1/projects/{PROJECT}/services", {"services": []})
    cloud.on("GET", f"run/v2/{PARENT}/services", {"services": [{"name": f"{PARENT}/services/aex-gateway-staging"}]})
    cloud.on(
        "GET",
        f"secretmanager/v1/projects/{PROJECT}/secrets",
        {"secrets": [{"name": "projects/123456789012/secrets/aex-jwt-secret-staging"}]},
    )
    cloud.refuse("GET", f"firestore/v1/projects/{PROJECT}/databases", 403, "Cloud Firestore API has not been used")
    code, answer = bench.json(capsys, "doctor", "-s", "staging")
    findings = answer["clouds"]["gcp"]
    failed = [each for each in findings if each["verdict"] == "failed"]
    assert code == 1
    assert all(each["remedy"] for each in failed)
    assert [each["check"] for each in failed if each["check"] != "docker"] == [
        "project",
        "billing",
        "APIs",
        "permissions",
        "clash",
        "clash",
    ]
    assert "aex-gateway-staging" in failed[-2]["detail"] and "aex-jwt-secret-staging" in failed[-1]["detail"]
    skipped = next(each for each in findings if each["verdict"] == "skipped")
    assert "gcloud services enable firestore.googleapis.com" in skipped["remedy"]


def test_without_credentials_nothing_is_reached(
    bench: Bench, cloud: Google, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(bench)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent.json")
    code, _, err = bench.aexctl(capsys, "status", "-s", "staging")
    assert code == 3
    assert "gcloud auth application-default login" in err


def test_rollback_sends_all_requests_to_the_revision_before(bench: Bench, cloud: Google, capsys: Capture) -> None:
    deployed(bench, cloud)
    code, out, err = bench.aexctl(capsys, "rollback", "gateway", "-s", "staging", "--yes")
    assert code == 0, err
    traffic = bench.written("staging")["agent-exchange:gcp"]["traffic"]
    assert traffic == {"aex-gateway": {"aex-gateway-staging-00001-abc": 100}}
    assert bench.runs[-1] == ["pulumi", "up", "--yes"]
    assert "pulumi config set-all --path --plaintext" in out
    # The same again changes nothing, and deploys nothing.
    count = len(bench.runs)
    assert bench.aexctl(capsys, "rollback", "gateway", "--to", "aex-gateway-staging-00001-abc", "-s", "staging")[0] == 0
    assert len(bench.runs) == count


def test_a_trial_gives_the_newest_revision_a_share_and_ends_with_all_of_it(
    bench: Bench, cloud: Google, capsys: Capture
) -> None:
    deployed(bench, cloud)
    assert bench.aexctl(capsys, "rollout", "aex-gateway", "--percent", "10", "-s", "staging", "--yes")[0] == 0
    traffic = bench.written("staging")["agent-exchange:gcp"]["traffic"]
    assert traffic == {"aex-gateway": {"aex-gateway-staging-00002-abc": 90, "latest": 10}}
    assert bench.aexctl(capsys, "rollout", "aex-gateway", "-s", "staging", "--yes")[0] == 0
    assert bench.written("staging")["agent-exchange:gcp"]["traffic"] == {}


def test_a_digest_is_pinned_with_the_nine_others(bench: Bench, cloud: Google, capsys: Capture) -> None:
    deployed(bench, cloud)
    code, _, err = bench.aexctl(capsys, "rollout", "gateway", "--digest", OLD, "-s", "staging", "--yes")
    assert code == 0, err
    image = bench.written("staging")["agent-exchange:image"]
    assert image["source"] == "prebuilt"
    assert image["digests"] == {name: OLD if name == "aex-gateway" else NEW for name in CATALOG.names}


def test_check_runs_as_the_job_and_tells_its_log(
    bench: Bench, cloud: Google, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.ops.clouds.gcp_operations._POLL_SECONDS", 0.01)
    deployed(bench, cloud)
    execution, job = (
        f"{PARENT}/jobs/aex-operations-staging/executions/aex-operations-staging-x7k",
        "aex-operations-staging",
    )
    polls = iter([{}, {"completionTime": "2026-11-25T02:00:00Z"}])
    started = {"name": f"{PARENT}/operations/1", "metadata": {"name": execution, "job": job}}
    cloud.on("POST", f"run/v2/{PARENT}/jobs/{job}:run", started)
    cloud.on("GET", f"run/v2/{execution}", lambda _: {"name": execution, **next(polls)})
    result = {"status": {"code": 2, "message": "The container exited with an error."}, "exitCode": 1}
    cloud.on(
        "GET", f"run/v2/{execution}/tasks", {"tasks": [{"name": f"{execution}/tasks/0", "lastAttemptResult": result}]}
    )
    entry = {"insertId": "a1", "textPayload": "the ledger does not balance: 12 micro-units"}
    cloud.on("POST", "logging/v2/entries:list", {"entries": [entry]})
    code, answer = bench.json(capsys, "check", "-s", "staging")
    assert code == 1
    assert (answer["holds"], answer["exit"]) == (False, 1)
    assert answer["log"] == ["execution aex-operations-staging-x7k", "the ledger does not balance: 12 micro-units"]
    (body,) = [body for method, path, body in cloud.asked if path.endswith(":run")]
    assert body == {"overrides": {"containerOverrides": [{"args": ["-m", "aex", "check"]}]}}


def test_a_teardown_counts_documents_and_objects(bench: Bench, cloud: Google, capsys: Capture) -> None:
    deployed(bench, cloud)
    bench.own("gcp:firestore/database:Database", "database", f"projects/{PROJECT}/databases/agent-exchange-staging")
    bench.own("gcp:storage/bucket:Bucket", "exports", f"{PROJECT}-aex-exports-staging")
    counted = [{"result": {"aggregateFields": {"n": {"integerValue": "3"}}}, "readTime": "2026-11-25T02:00:00Z"}]
    path = f"firestore/v1/projects/{PROJECT}/databases/agent-exchange-staging/documents:runAggregationQuery"
    cloud.on("POST", path, counted)
    objects = {"kind": "storage#objects", "items": [{"name": "staging-1.jsonl"}, {"name": "staging-2.jsonl"}]}
    cloud.on("GET", f"storage/storage/v1/b/{PROJECT}-aex-exports-staging/o", objects)
    code, answer = bench.json(capsys, "teardown", "--dry-run", "-s", "staging")
    losses = {each["what"]: each for each in answer["losses"]["gcp"]}
    collections = {name for service in CATALOG.services for name in service.collections}
    assert code == 0
    assert losses["Firestore"]["contents"] == f"{3 * len(collections)} documents"
    assert losses["bucket"]["contents"] == "2 objects"
    assert not bench.runs


def test_a_teardown_cancels_the_job_destroys_and_finds_what_is_left(
    bench: Bench, cloud: Google, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.ops.commands.teardown._LAG_SECONDS", 0)
    deployed(bench, cloud)
    job = f"{PARENT}/jobs/aex-operations-staging"
    cloud.on("GET", f"run/v2/{job}/executions", {"executions": [{"name": f"{job}/executions/e1"}]})
    cloud.on("POST", f"run/v2/{job}/executions/e1:cancel", {})
    nothing(cloud)
    buckets = {"items": [{"name": "by-hand", "labels": LABELS}, {"name": "other", "labels": {"stack": "production"}}]}
    cloud.on("GET", "storage/storage/v1/b", buckets)
    code, out, err = bench.aexctl(capsys, "teardown", "-s", "staging", "--confirm", "staging")
    assert bench.runs == [["pulumi", "destroy", "--yes", "--skip-preview"]]
    assert any(path.endswith("e1:cancel") for _, path, _ in cloud.asked)
    assert code == 1, out
    assert "by-hand" in out and "other" not in out
    assert "1 things with the tag of stack staging are left" in err


def test_commands_of_the_cloud_have_the_right_names(bench: Bench, cloud: Google, capsys: Capture) -> None:
    configured(bench)
    where = f"--region us-central1 --project {PROJECT}"
    read = bench.aexctl(capsys, "logs", "gateway", "--print", "-s", "staging")[1].strip()
    assert read == f"gcloud run services logs read aex-gateway-staging --limit 100 {where}"
    tail = bench.aexctl(capsys, "logs", "gateway", "-f", "--print", "-s", "staging")[1].strip()
    assert tail == f"gcloud beta run services logs tail aex-gateway-staging {where}"
    code, _, err = bench.aexctl(capsys, "exec", "gateway", "-s", "staging")
    assert code == 2 and "Cloud Run has none" in err
