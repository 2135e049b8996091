"""`aexctl summary`: a recorded preview of the engine becomes the same comment, in whichever form it was recorded."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.infra.ops.bench import Bench

RECORDED = Path(__file__).parent / "recorded"
Capture = pytest.CaptureFixture[str]


def test_both_forms_of_a_preview_give_the_same_comment(bench: Bench, capsys: Capture) -> None:
    code, document, err = bench.aexctl(capsys, "summary", str(RECORDED / "preview.json"), "--title", "local")
    assert code == 0, err
    assert document.startswith("### local: 2 to change, 25 unchanged")
    assert "| change | `aex:local:Process` | aex-gateway | code |" in document
    assert "| change | `aex:local:Process` | aex-trust-broker | code, status |" in document
    _, events, _ = bench.aexctl(capsys, "summary", str(RECORDED / "preview.jsonl"), "--title", "local")
    assert events == document


def test_it_reads_standard_input_and_gives_json(bench: Bench, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO((RECORDED / "preview.jsonl").read_text()))
    code, answer = bench.json(capsys, "summary")
    assert (code, answer["headline"]) == (0, "2 to change, 25 unchanged")


def test_a_preview_that_failed_is_exit_code_1(bench: Bench, capsys: Capture, tmp_path: Path) -> None:
    said = '{"diagnostics": [{"severity": "error", "message": "no such zone"}], "changeSummary": {}}'
    (tmp_path / "failed.json").write_text(said)
    code, out, _ = bench.aexctl(capsys, "summary", str(tmp_path / "failed.json"))
    assert (code, "no such zone" in out, "it fails" in out) == (1, True, True)


@pytest.mark.parametrize("text", ["", "Previewing update", "{}", '{"steps": ['])
def test_what_is_no_preview_is_said(bench: Bench, capsys: Capture, tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    code, _, err = bench.aexctl(capsys, "summary", str(tmp_path / "x"))
    assert (code, "pulumi preview --json" in err) == (2, True)
    assert bench.aexctl(capsys, "summary", str(tmp_path / "none"))[0] == 2
