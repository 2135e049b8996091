"""Changes of a stack's config: what is written, what is refused before anything is, and how it is undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.ops import config_file
from infra.ops.clouds.scaling import scaled
from infra.ops.config_file import Edit
from infra.ops.faults import UsageFault
from tests.infra.ops.bench import Bench

BEFORE: config_file.Tree = {
    "agent-exchange:clouds": ["gcp"],
    "agent-exchange:gcp": {"scaling": {"aex-gateway": {"minimum": 2, "maximum": 9}}, "restart": {"aex-identity": "a"}},
}


def test_a_fixed_number_takes_the_place_of_a_range_and_can_be_undone() -> None:
    edits = scaled("gcp", "aex-gateway", fixed=5, minimum=None, maximum=None)
    after = config_file.edited(BEFORE, edits)
    assert after["agent-exchange:gcp"] == {"scaling": {"aex-gateway": {"fixed": 5}}, "restart": {"aex-identity": "a"}}
    assert config_file.edited(after, config_file.inverse(BEFORE, edits)) == BEFORE


def test_a_removed_object_comes_back_whole() -> None:
    edits = scaled("gcp", "aex-gateway", fixed=None, minimum=None, maximum=None)
    after = config_file.edited(BEFORE, edits)
    assert after["agent-exchange:gcp"] == {"scaling": {}, "restart": {"aex-identity": "a"}}
    assert config_file.edited(after, config_file.inverse(BEFORE, edits)) == BEFORE


def test_edits_that_change_nothing_together_are_none() -> None:
    edits = [
        Edit("gcp.scaling.aex-gateway", None),
        Edit("gcp.scaling.aex-gateway.minimum", 2),
        Edit("gcp.scaling.aex-gateway.maximum", 9),
    ]
    assert config_file.effective(BEFORE, edits) == []
    assert config_file.effective(
        BEFORE, [Edit("gcp.restart.aex-none", None), Edit("gcp.restart.aex-identity", "b")]
    ) == [Edit("gcp.restart.aex-identity", "b")]


def test_what_goes_is_written_before_what_comes() -> None:
    commands = config_file.commands("staging", scaled("aws", "aex-gateway", fixed=5, minimum=None, maximum=None))
    assert [config_file.shown(command) for command in commands] == [
        "pulumi config rm-all --path agent-exchange:aws.scaling.aex-gateway.minimum "
        "agent-exchange:aws.scaling.aex-gateway.maximum --stack staging",
        "pulumi config set-all --path --plaintext agent-exchange:aws.scaling.aex-gateway.fixed=5 --stack staging",
    ]


def test_secrets_stay_hidden_and_dates_stay_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_file, "CHECKOUT", tmp_path)
    (tmp_path / "Pulumi.x.yaml").write_text(
        "config:\n"
        "  clouds: [local]\n"
        "  agent-exchange:local:\n    mongoUri:\n      secure: v1:abc\n"
        "  agent-exchange:aws:\n    executeCommand:\n      aex-identity: 2026-12-01\n"
    )
    assert config_file.values("x") == {
        "agent-exchange:clouds": ["local"],
        "agent-exchange:local": {"mongoUri": "hidden"},
        "agent-exchange:aws": {"executeCommand": {"aex-identity": "2026-12-01"}},
    }


def test_a_change_that_a_deployment_would_refuse_is_not_written(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.config("staging", clouds=["aws"], aws__region="us-east-1", aws={})
    before = bench.written("staging")
    code, _, err = bench.aexctl(capsys, "scale", "gateway", "--min", "9", "--max", "3", "-s", "staging", "--yes")
    assert code == 2
    assert "minimum 9 is above maximum 3" in err
    assert bench.written("staging") == before and not bench.runs


def test_a_question_that_is_not_answered_with_yes_changes_nothing(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.config("staging", clouds=["aws"], aws__region="us-east-1")
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    code, out, err = bench.aexctl(capsys, "restart", "gateway", "-s", "staging")
    assert (code, "nothing was changed" in err) == (2, True)
    assert "agent-exchange:aws.restart.aex-gateway=" in out
    assert not bench.runs


def test_a_deployment_that_fails_says_how_to_undo(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.config("staging", clouds=["aws"], aws__region="us-east-1", aws={"scaling": {"aex-gateway": {"minimum": 2}}})
    bench.exit_code = 255
    code, _, err = bench.aexctl(capsys, "scale", "gateway", "5", "-s", "staging", "--yes")
    assert code == 1
    undo = " ".join(err.split())
    assert "config rm-all --path agent-exchange:aws.scaling.aex-gateway.fixed" in undo
    assert "--plaintext agent-exchange:aws.scaling.aex-gateway.minimum=2" in undo


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["scale", "gateway"], "say one of"),
        (["scale", "gateway", "3", "--auto"], "say one of"),
        (["scale", "getaway", "3"], "there is no service 'getaway'"),
        (["status", "--cloud", "gcp"], "is not on gcp"),
        (["nonsense"], "No such command"),
        (["scale", "gateway", "many"], "valid integer"),
        (["teardown", "--confirm", "production"], "is not 'laptop'"),
    ],
)
def test_mistakes_are_exit_code_2_and_name_the_remedy(
    bench: Bench, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    bench.config("laptop", clouds=["local"], environment="local")
    bench.own("aex:local:Process", "aex-gateway", "aex-gateway")
    where = [] if arguments == ["nonsense"] else ["-s", "laptop"]
    code, _, err = bench.aexctl(capsys, *arguments, *where)
    assert code == 2
    assert says in err and "→ " in err
    assert not bench.runs


def test_a_config_that_cannot_be_used_is_explained(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.config("staging", clouds=["aws"], aws={"regoin": "x"})
    code, _, err = bench.aexctl(capsys, "status", "-s", "staging")
    assert (code, "agent-exchange:aws.regoin: there is no such key" in err) == (2, True)
    with pytest.raises(UsageFault):
        config_file.settings_of("nowhere")
