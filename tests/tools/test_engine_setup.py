"""Where the engine comes from, and that only a whole one is ever cached."""

import io
import shutil
import threading
from pathlib import Path

import pytest

from tests.tools.programs import program
from tools import engine_setup, release, versions
from tools.checkout import Checkout
from tools.console import Step
from tools.process import SetupError

ROOT = Path(__file__).parents[2]
WANTED = versions.show(versions.engine_version(ROOT))
ALL = engine_setup.SOURCES


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A clone with the files that decide about the engine, and an empty cache."""
    clone = tmp_path / "clone"
    (clone / "tools" / "engine").mkdir(parents=True)
    for name in ("uv.lock", "tools/engine/go.mod", "tools/engine/go.sum"):
        (clone / name).write_bytes((ROOT / name).read_bytes())
    return Checkout(clone, tmp_path / "cache")


class Sources:
    """Stands in for the network and the compiler, and counts what was asked of them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.release_there = False
        self.says = f"v{WANTED}"

    def download(self, version: versions.Version, target: Path, step: Step) -> bool:
        self.asked.append("release")
        if self.release_there:
            program(target, "pulumi", self.says)
        return self.release_there

    def build(self, root: Path, target: Path, step: Step) -> None:
        self.asked.append("build")
        program(target, "pulumi", self.says)
        program(target, "pulumi-language-python")


@pytest.fixture(autouse=True)
def sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sources:
    stand_in = Sources()
    monkeypatch.setattr(release, "download", stand_in.download)
    monkeypatch.setattr(engine_setup, "build", stand_in.build)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return stand_in


def ensure(checkout: Checkout, chosen: tuple[str, ...] = ALL) -> str:
    out = io.StringIO()
    with Step("engine", stream=out) as step:
        engine_setup.ensure(checkout, step, chosen)
    return out.getvalue()


def test_an_installed_pulumi_is_preferred(checkout: Checkout, sources: Sources, tmp_path: Path) -> None:
    program(tmp_path / "bin", "pulumi", "v3.999.0")
    program(tmp_path / "bin", "pulumi-language-python")
    assert "pulumi on PATH" in ensure(checkout)
    assert sources.asked == []
    assert list(checkout.bin.iterdir()) == []


def test_one_that_is_older_than_the_sdk_is_passed_over(checkout: Checkout, sources: Sources, tmp_path: Path) -> None:
    program(tmp_path / "bin", "pulumi", "v3.100.0")
    program(tmp_path / "bin", "pulumi-language-python")
    assert "is 3.100.0, older than the SDK" in ensure(checkout)
    assert sources.asked == ["release", "build"]


def test_one_without_a_language_host_is_passed_over(checkout: Checkout, tmp_path: Path) -> None:
    program(tmp_path / "bin", "pulumi", "v3.999.0")
    assert "has no pulumi-language-python beside it" in ensure(checkout)


def test_the_release_comes_before_the_build(checkout: Checkout, sources: Sources) -> None:
    sources.release_there = True
    ensure(checkout)
    assert sources.asked == ["release"]
    assert (checkout.bin / "pulumi").resolve().parent.name == f"{WANTED}-release"


def test_what_is_cached_serves_every_checkout(checkout: Checkout, sources: Sources, tmp_path: Path) -> None:
    ensure(checkout)
    other = Checkout(tmp_path / "other", checkout.cache)
    checkout.root.rename(other.root)
    other.forget("engine")
    ensure(other)
    assert sources.asked == ["release", "build"]
    assert (other.bin / "pulumi-language-python").exists()


def test_another_checkouts_links_are_not_an_installed_pulumi(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure(checkout)
    monkeypatch.setenv("PATH", f"{checkout.bin}:/usr/bin:/bin")
    assert engine_setup.on_path(checkout, (3, 0, 0), print) is None


def test_a_broken_engine_is_never_cached(checkout: Checkout, sources: Sources) -> None:
    sources.says = "v0.0.1"
    with pytest.raises(SetupError, match=r"says v0\.0\.1"):
        ensure(checkout)
    assert not engine_setup.is_current(checkout, ALL)
    assert [path.name for path in (checkout.cache / "pulumi").iterdir()] == [".lock"]
    sources.says = f"v{WANTED}"
    ensure(checkout)
    assert engine_setup.is_current(checkout, ALL)


def test_a_lost_cache_is_noticed(checkout: Checkout) -> None:
    ensure(checkout)
    assert engine_setup.is_current(checkout, ALL)
    (checkout.bin / "pulumi").resolve().unlink()
    assert not engine_setup.is_current(checkout, ALL)


def test_a_pulumi_that_appears_on_path_is_noticed(checkout: Checkout, tmp_path: Path) -> None:
    ensure(checkout)
    program(tmp_path / "bin", "pulumi", "v3.999.0")
    assert not engine_setup.is_current(checkout, ALL)


def test_a_changed_recipe_is_noticed(checkout: Checkout, sources: Sources) -> None:
    ensure(checkout)
    with (checkout.root / "tools" / "engine" / "go.sum").open("a") as file:
        file.write("example.com/new v1.0.0 h1:x=\n")
    assert not engine_setup.is_current(checkout, ALL)
    ensure(checkout)
    assert sources.asked.count("build") == 2


def test_two_setups_at_once_build_once(checkout: Checkout, sources: Sources, tmp_path: Path) -> None:
    clones = [checkout, Checkout(tmp_path / "other", checkout.cache)]
    shutil.copytree(checkout.root, clones[1].root)
    both = [threading.Thread(target=ensure, args=(clone,)) for clone in clones]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(20)
    assert sources.asked.count("build") == 1
    assert all(engine_setup.is_current(clone, ALL) for clone in clones)


def test_sources_can_be_narrowed(checkout: Checkout, sources: Sources) -> None:
    with pytest.raises(SetupError, match="no Pulumi from path, release"):
        ensure(checkout, ("path", "release"))
    ensure(checkout, ("build",))
    assert sources.asked == ["release", "build"]
