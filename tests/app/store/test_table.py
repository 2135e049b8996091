"""The account at the end of a run says what happened, also what went wrong."""

import pytest

pytest_plugins = ["pytester"]

PASSING = """
import pytest

@pytest.mark.parametrize("x", [1, 2])
@pytest.mark.parametrize("backend", ["sqlite", "sqlite-memory", "mongo", "firestore"])
def test_what_is_written_is_read(backend, x):
    if backend == "firestore":
        pytest.skip("no emulator here")
    assert backend != "mongo" or x != 2

def test_fault(record_property):
    record_property("figures", "cut 3, lost 0")
"""


def test_the_table(pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("tests").joinpath("app", "store")
    folder.mkdir(parents=True)
    folder.joinpath("test_conformance_writes.py").write_text(PASSING)
    result = pytester.runpytest("-p", "tests.app.store.table", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(
        [
            "*stores: test x backend*",
            "*sqlite*sqlite-memory*mongo*firestore*",
            "writes: what is written is read  ok 2*ok 2*1 BAD*skipped*",
            "skipped, no emulator here: what_is_written_is_read [[]firestore]",
            "*faults survived*",
            "cut 3, lost 0",
        ]
    )
