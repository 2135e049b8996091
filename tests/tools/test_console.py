"""What setup says while it works."""

import io
import time

import pytest

from tools.console import Step, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("seconds", "text"), [(0.42, "0.4 s"), (12.3, "12 s"), (89, "89 s"), (370.5, "6 min 10 s")])
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_log_gets_whole_lines_and_signs_of_life() -> None:
    out = io.StringIO()
    with Step("engine", stream=out, log_seconds=0.05) as step:
        step.progress("12 packages compiled")
        time.sleep(0.2)
        step.note("a note")
        step.result("pulumi 3.274.1")
    lines = out.getvalue().splitlines()
    assert lines[0] == "  … engine"
    assert any("12 packages compiled, 0." in line for line in lines[1:-1])
    assert "    a note" in lines
    assert lines[-1].startswith("  ✓ engine") and "pulumi 3.274.1 (0." in lines[-1]
    assert "\r" not in out.getvalue() and "\x1b" not in out.getvalue()


def test_a_terminal_gets_one_line_that_moves() -> None:
    out = Terminal()
    with Step("engine", stream=out) as step:
        time.sleep(0.5)
        step.result("there")
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().count("\r") >= 2


def test_a_failure_is_marked_as_one() -> None:
    out = io.StringIO()
    with pytest.raises(RuntimeError), Step("engine", stream=out) as step:
        step.result("never said")
        raise RuntimeError
    assert out.getvalue().splitlines()[-1].startswith("  ✗ engine")
    assert "never said" not in out.getvalue()
