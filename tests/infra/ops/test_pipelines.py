"""What the workflows run, with stand-ins for the programs that they call."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.components.catalog import CATALOG
from infra.ops import config_file, engine
from infra.ops.pipelines import comment, deploy, drift, ephemeral, images, preview, previewed
from tests.infra.ops.programs import Programs

CHECKOUT = Path(__file__).parents[3]
MANIFEST = '{"schemaVersion": 2}'
DIGEST = f"sha256:{hashlib.sha256(MANIFEST.encode()).hexdigest()}"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without stacks of its own."""
    for module in (engine, config_file, previewed):
        monkeypatch.setattr(module, "CHECKOUT", tmp_path)
    shutil.copy(CHECKOUT / "Pulumi.yaml", tmp_path)
    return tmp_path


@pytest.fixture
def programs(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Stand-ins in the place where the pipelines look first."""
    made = Programs(checkout / ".aex" / "bin", "gh", "pulumi", "skopeo")
    monkeypatch.setenv("PATH", made.path)
    return made


def _events(*operations: str) -> str:
    steps = [
        {
            "resourcePreEvent": {
                "metadata": {"op": each, "type": "aws:ec2/vpc:Vpc", "urn": f"urn:pulumi:a::b::c::{each}"}
            }
        }
        for each in operations
    ]
    return "".join(f"{json.dumps(event)}\n" for event in [*steps, {"summaryEvent": {"resourceChanges": {"same": 3}}}])


class TestPreview:
    def test_it_writes_a_report_and_shows_it_on_the_page_of_the_run(
        self, programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "page"))
        programs.answer("pulumi preview", _events("delete"))
        assert preview.main(["--stack", "staging", "--report", str(tmp_path / "report")]) == 0
        (call,) = programs.calls("preview")
        assert call.words[1:] == [
            *("preview", "--policy-pack", "infra/policy", "--json", "--non-interactive", "--stack", "staging")
        ]
        text = (tmp_path / "report" / "staging.md").read_text()
        assert "### staging: 1 to delete, 3 unchanged" in text
        assert text in (tmp_path / "page").read_text()

    def test_a_preview_that_fails_is_reported_and_fails_the_job(self, programs: Programs, tmp_path: Path) -> None:
        programs.answer("pulumi preview", "error: agent-exchange:aws.domain: say which", code=255)
        assert preview.main(["--stack", "production", "--report", str(tmp_path)]) == 255
        assert "aws.domain: say which" in (tmp_path / "production.md").read_text()


class TestComment:
    def _pull(self, **changes: object) -> dict[str, object]:
        return {"number": 7, "state": "open", "head": {"sha": "abc"}, **changes}

    def _reports(self, tmp_path: Path, text: str = "no changes") -> str:
        (tmp_path / "report-staging").mkdir(exist_ok=True)
        (tmp_path / "report-staging" / "staging.md").write_text(text)
        return str(tmp_path / "report-staging")

    def test_a_report_becomes_a_comment_and_the_next_one_replaces_it(self, programs: Programs, tmp_path: Path) -> None:
        programs.answer("commits/abc/pulls", [self._pull()])
        programs.answer("issues/7/comments.*--paginate", [[]])
        programs.answer("--method", {})
        assert comment.main(["--commit", "abc", self._reports(tmp_path)]) == 0
        (written,) = programs.calls("--method POST")
        assert written.sent == {"body": "<!-- aex preview: staging -->\nno changes"}

        mine = {"id": 99, "user": {"type": "Bot"}, "body": written.sent["body"]}
        quoted = {"id": 98, "user": {"type": "User"}, "body": written.sent["body"]}
        programs.answer("issues/7/comments.*--paginate", [[quoted, mine]])
        assert comment.main(["--commit", "abc", self._reports(tmp_path, "1 to delete")]) == 0
        (changed,) = programs.calls("--method PATCH")
        assert "issues/comments/99" in changed.words[2]
        assert changed.sent["body"].endswith("1 to delete")

    @pytest.mark.parametrize("change", [{"state": "closed"}, {"head": {"sha": "newer"}}])
    def test_a_pull_request_that_went_on_gets_no_old_report(
        self, programs: Programs, tmp_path: Path, change: dict[str, object]
    ) -> None:
        programs.answer("commits/abc/pulls", [self._pull(**change)])
        assert comment.main(["--commit", "abc", self._reports(tmp_path)]) == 0
        assert programs.calls("comments") == []

    def test_a_report_is_cut_to_what_a_comment_holds(self, programs: Programs, tmp_path: Path) -> None:
        programs.answer("commits/abc/pulls", [self._pull()])
        programs.answer("issues/7/comments.*--paginate", [[]])
        programs.answer("--method", {})
        comment.main(["--commit", "abc", self._reports(tmp_path, "x" * 100_000)])
        assert len(programs.calls("--method POST")[0].sent["body"]) < 65_536


class TestDrift:
    def test_drift_opens_one_issue_which_is_updated_and_closed(self, programs: Programs) -> None:
        programs.answer("--method", {})
        programs.answer("issues.state=open", [])
        programs.answer("pulumi refresh", _events("update"))
        assert drift.main(["--stack", "production"]) == 1
        (opened,) = programs.calls("--method POST")
        assert opened.sent["title"] == "Stack production is not as it was deployed"
        assert "make refresh STACK=production" in opened.sent["body"]
        words = programs.calls("pulumi refresh")[0].words
        assert "--preview-only" in words, "nothing may be written"
        assert "**SecretVersion::**" in words[words.index("--exclude") :], "the identity reads no secret's value"

        programs.answer("issues.state=open", [{"number": 5, "title": opened.sent["title"]}])
        assert drift.main(["--stack", "production"]) == 1
        assert "issues/5" in programs.calls("--method PATCH")[0].words[2]

        programs.answer("pulumi refresh", _events())
        assert drift.main(["--stack", "production"]) == 0
        assert programs.calls("--method PATCH")[-1].sent["state"] == "closed"
        assert len(programs.calls("--method POST")) == 1

    def test_a_stack_that_cannot_be_compared_is_told_too(self, programs: Programs) -> None:
        programs.answer("--method", {})
        programs.answer("issues.state=open", [])
        programs.answer("pulumi refresh", "error: AccessDenied", code=255)
        assert drift.main(["--stack", "staging"]) == 1
        assert "AccessDenied" in programs.calls("--method POST")[0].sent["body"]


def _outputs(**more: object) -> dict[str, Any]:
    repositories = {name: f"registry/{name}" for name in CATALOG.names}
    running = {name: f"registry/{name}@{DIGEST}" for name in CATALOG.names}
    return {"aws": {"registry": repositories, "images": running, **more}}


class TestDeploy:
    @pytest.fixture(autouse=True)
    def _stack(self, programs: Programs, checkout: Path) -> None:
        for stack in ("staging", "production"):
            config = {"agent-exchange:clouds": ["aws"], "aws:region": "us-east-1"}
            if stack == "production":
                config["agent-exchange:aws"] = {"domain": "aex.example.org"}
            (checkout / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))
        programs.answer("pulumi (up|config)")
        programs.answer("pulumi stack output", _outputs())

    def _kept(self, folder: Path) -> Path:
        for name in CATALOG.names:
            (folder / name).mkdir(parents=True)
            (folder / name / "manifest.json").write_text(MANIFEST)
        return folder

    def test_staging_is_built_under_the_release_and_its_images_are_kept(
        self, programs: Programs, tmp_path: Path
    ) -> None:
        kept = self._kept(tmp_path / "images")
        programs.answer("skopeo copy")
        assert deploy.main(["--stack", "staging", "--version", "v1.2.0", "--save", str(kept)]) == 0
        (config,) = programs.calls("config set-all")
        assert "agent-exchange:image.version=v1.2.0" in config.words
        copies = programs.calls("skopeo copy --preserve-digests docker://")
        assert sorted(call.words[-1] for call in copies) == sorted(f"dir:{kept / name}" for name in CATALOG.names)

    def test_an_image_that_arrives_with_another_digest_is_refused(self, programs: Programs, tmp_path: Path) -> None:
        kept = self._kept(tmp_path / "images")
        (kept / "aex-gateway" / "manifest.json").write_text("{}")
        programs.answer("skopeo copy")
        assert deploy.main(["--stack", "staging", "--save", str(kept)]) == 1

    def test_production_gets_the_kept_images_by_digest(self, programs: Programs, tmp_path: Path) -> None:
        kept = self._kept(tmp_path / "images")
        programs.answer("skopeo copy")
        programs.answer("skopeo inspect", "manifest unknown", code=1)
        assert deploy.main(["--stack", "production", "--version", "v1.2.0", "--images", str(kept)]) == 0
        first, config, last = (
            programs.calls("pulumi up")[0],
            programs.calls("set-all")[0],
            programs.calls("pulumi up")[1],
        )
        assert [word for word in first.words if word.startswith("--target")] == [
            f"--target={urn}" for urn in deploy.REGISTRIES
        ]
        assert not [word for word in last.words if word.startswith("--target")]
        assert f"agent-exchange:image.digests.aex-gateway={DIGEST}" in config.words
        assert "agent-exchange:image.source=prebuilt" in config.words
        pushed = programs.calls("skopeo copy --preserve-digests dir:")
        assert sorted(call.words[-1] for call in pushed) == sorted(
            f"docker://registry/{name}:v1.2.0" for name in CATALOG.names
        )

    def test_an_image_that_the_registry_has_is_not_pushed_again(self, programs: Programs, tmp_path: Path) -> None:
        programs.answer("skopeo inspect", MANIFEST)
        images.push("production", self._kept(tmp_path / "images"), "v1.2.0")
        assert programs.calls("skopeo copy") == []

    def test_by_hand_it_is_this_commits_program_with_what_runs(self, programs: Programs) -> None:
        assert deploy.main(["--stack", "production", "--service", "aex-gateway"]) == 0
        (config,) = programs.calls("set-all")
        assert f"agent-exchange:image.digests.aex-identity={DIGEST}" in config.words
        (up,) = programs.calls("pulumi up")
        assert any("aex-gateway" in word for word in up.words if word.startswith("--target"))

    def test_an_unknown_service_is_refused_before_anything_runs(
        self, programs: Programs, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert deploy.main(["--stack", "staging", "--service", "gateway"]) == 2
        assert "aex-gateway" in capsys.readouterr().err
        assert programs.calls() == []

    def test_a_failed_deployment_keeps_no_images(self, programs: Programs, tmp_path: Path) -> None:
        programs.answer("pulumi up", "error", code=255)
        assert deploy.main(["--stack", "staging", "--save", str(tmp_path)]) == 255
        assert programs.calls("skopeo") == []


class TestEphemeral:
    NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)

    @pytest.fixture
    def operator(self, checkout: Path) -> Programs:
        """The operator's command, which does the teardown."""
        made = Programs(checkout / ".venv" / "bin", "aexctl")
        made.answer("aexctl teardown")
        return made

    @pytest.fixture(autouse=True)
    def _place(self, programs: Programs, operator: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CLOUDS", '["aws"]')
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setenv("PULUMI_SECRETS_PROVIDER", "awskms://alias/aex-state-staging?region=eu-west-1")
        programs.answer("pulumi (up|stack select|stack rm)")

    def test_it_is_made_with_its_config_and_deployed(self, programs: Programs, checkout: Path) -> None:
        assert ephemeral.main(["up", "--pull-request", "12"]) == 0
        made = yaml.safe_load((checkout / "Pulumi.pr-12.yaml").read_text())
        assert made["config"] == {"agent-exchange:clouds": ["aws"], "aws:region": "eu-west-1"}
        assert config_file.settings_of("pr-12").time_to_live_hours == 72
        assert "--create" in programs.calls("stack select")[0].words
        assert "pr-12" in programs.calls("pulumi up")[0].words

    def test_the_end_of_one_that_never_was_is_no_error(self, programs: Programs) -> None:
        programs.answer("stack ls", [])
        assert ephemeral.main(["destroy", "--pull-request", "12"]) == 0
        assert programs.calls("stack rm") == []

    def test_only_stacks_of_pull_requests_whose_time_is_over_are_destroyed(
        self, programs: Programs, operator: Programs
    ) -> None:
        old, new = "2026-11-20T12:00:00.000Z", "2026-11-24T12:00:00.000Z"
        listed = [
            {"name": "pr-1", "lastUpdate": old},
            {"name": "pr-2", "lastUpdate": new},
            {"name": "pr-3"},
            {"name": "dev-ada", "lastUpdate": old},
            {"name": "production", "lastUpdate": old},
        ]
        programs.answer("stack ls", listed)
        assert ephemeral.expire(self.NOW) == 0
        assert [call.words[-1] for call in operator.calls("teardown")] == ["pr-1"]
        assert [call.words[-1] for call in programs.calls("stack rm")] == ["pr-1"]

    def test_one_that_resists_does_not_save_the_others_and_fails_the_job(
        self, programs: Programs, operator: Programs
    ) -> None:
        old = "2026-11-20T12:00:00.000Z"
        programs.answer("stack ls", [{"name": "pr-1", "lastUpdate": old}, {"name": "pr-2", "lastUpdate": old}])
        operator.answer("teardown.*pr-1", "error", code=1)
        assert ephemeral.expire(self.NOW) == 1
        assert len(operator.calls("teardown")) == 2
        assert [call.words[-1] for call in programs.calls("stack rm")] == ["pr-2"], "a stack that still exists is kept"

    def test_what_is_missing_in_the_environment_is_named(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("AWS_REGION")
        assert ephemeral.main(["up", "--pull-request", "12"]) == 2
        assert "AWS_REGION" in capsys.readouterr().err
