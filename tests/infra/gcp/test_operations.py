"""The operators' job: what it runs as and with, and that what it says works on a real database."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.components.image import USER_ID
from tests.app.store.servers import FirestoreEmulator
from tests.app.tools.places import empty_place, fill
from tests.infra.gcp.stacks import PROJECT, stack

BUCKET_MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember"
ROOT = Path(__file__).resolve().parents[3]


def template(name: str) -> Mapping[str, Any]:
    """What one execution of the job of a stack is."""
    return stack(name).one("gcp:cloudrunv2/job:Job").inputs["template"]["template"]


def test_the_operators_job_reaches_the_database_and_keeps_exports_where_nobody_else_reads() -> None:
    run = stack("production")
    job = run.one("gcp:cloudrunv2/job:Job")
    template = job.inputs["template"]["template"]
    assert template["serviceAccount"] == f"aex-operations@{PROJECT}.iam.gserviceaccount.com"
    (found,) = template["containers"]
    assert {each["name"]: each["value"] for each in found["envs"]} == {
        "ENVIRONMENT": "production",
        "STORE_TYPE": "firestore",
        "FIRESTORE_PROJECT_ID": PROJECT,
        "FIRESTORE_DATABASE": "agent-exchange",
    }
    (member,) = (each.inputs for each in run.of("gcp:storage/bucketIAMMember:BucketIAMMember"))
    assert member["member"] == f"serviceAccount:{template['serviceAccount']}"
    (volume,) = template["volumes"]
    assert (volume["name"], volume["gcs"]["bucket"]) == ("exports", member["bucket"])
    assert volume["gcs"]["readOnly"] is False
    assert volume["gcs"]["mountOptions"] == [f"uid={USER_ID}", f"gid={USER_ID}"], (
        "the image's user, who could not write else"
    )
    assert found["volumeMounts"] == [{"name": "exports", "mountPath": "/exports"}]


def test_the_operators_job_says_what_the_application_understands() -> None:
    from aex.tools.command import COMMANDS

    (found,) = stack("production").one("gcp:cloudrunv2/job:Job").inputs["template"]["template"]["containers"]
    assert found["commands"] == ["python"]
    assert found["args"][:2] == ["-m", "aex"]
    assert found["args"][2] in COMMANDS


def test_exports_are_the_jobs_alone_private_and_kept_for_a_month() -> None:
    run = stack("production")
    bucket = run.one("gcp:storage/bucket:Bucket").inputs
    assert bucket["publicAccessPrevention"] == "enforced" and bucket["uniformBucketLevelAccess"] is True
    assert {"age": 30, "withState": "ANY"} in [rule["condition"] for rule in bucket["lifecycleRules"]]
    (member,) = (each.inputs for each in run.of(BUCKET_MEMBER))
    # Reads, writes and renames objects; not the bucket's own settings, nor who else may.
    assert member["role"] == "roles/storage.objectUser"


def test_a_run_is_not_repeated_by_itself_and_may_take_an_hour() -> None:
    found = template("production")
    assert found["maxRetries"] == 0
    assert found["timeout"] == "3600s"
    assert found["executionEnvironment"] == "EXECUTION_ENVIRONMENT_GEN2", "a bucket is mounted only there"
    assert "@sha256:" in found["containers"][0]["image"]


def test_an_ephemeral_stacks_job_needs_no_network() -> None:
    assert "vpcAccess" not in template("pr-12")
    assert "vpcAccess" in template("staging")


@pytest.mark.processes
def test_what_the_job_would_run_moves_an_exchange_through_the_folder_of_exports(
    request: pytest.FixtureRequest, firestore_emulator: FirestoreEmulator, tmp_path: Path
) -> None:
    """The declared command and variables, with the arguments that operators give; only the mount is not real."""
    (container,) = template("staging")["containers"]
    (mount,) = container["volumeMounts"]
    declared = {each["name"]: each["value"] for each in container["envs"]}

    def execute(place: Mapping[str, str], *arguments: str, again: int = 3) -> str:
        """`gcloud run jobs execute --args=...`: the same command and variables, other arguments."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT / "app",
            # The emulator has no project of ours; everything else is as declared.
            env={"PATH": os.environ["PATH"], **declared, **place},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode and "did not answer" in done.stderr and again:
            # A busy machine: the remedy that an operator would be told.
            resumed = ["--resume"] if "import" in arguments and "--resume" not in arguments else []
            return execute(place, *arguments, *resumed, again=again - 1)
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert container["commands"] == ["python"]
    place, elsewhere = (empty_place("firestore", request, tmp_path) for _ in range(2))
    origin, target = dict(place.environ), dict(elsewhere.environ)
    assert set(origin) - {"FIRESTORE_EMULATOR_HOST"} <= set(declared)
    asyncio.run(fill(place))
    assert mount["mountPath"] == "/exports"
    exported = str(tmp_path / "today.jsonl")
    execute(origin, *container["args"])  # the job's own arguments: everything is checked
    said = execute(origin, "-m", "aex", "export", exported)
    assert (tmp_path / "today.jsonl").is_file() and not list(tmp_path.glob("*.part"))
    digest = said.rpartition("digest ")[2]
    assert execute(target, "-m", "aex", "import", exported).endswith(digest)
    execute(target, *container["args"])
