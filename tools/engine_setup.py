"""Getting the Pulumi engine: the one that is installed, else the official release, else built from the module proxy.

What is downloaded or built goes to the user's cache, complete or not at all; `.aex/bin` of the checkout links to it.
The launcher of the language host is found through that link, so one cached engine serves every checkout with that
checkout's own host and environment.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tools import golang, release, versions
from tools.checkout import Checkout, fingerprint, locked
from tools.console import Step
from tools.process import SetupError, run

COMMAND = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
SDK_MODULE = "github.com/pulumi/pulumi/sdk/v3"
# Scripts of the SDK that the Python wheel lacks: the one runs programs, the other serves dynamic providers.
SDK_SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
PROXY_REMEDY = "Setup needs the Go module proxy (GOPROXY) once; or install Pulumi: https://www.pulumi.com/docs/install/"
SOURCES = ("path", "release", "build")
LAUNCHER = """\
#!/bin/sh
# Starts the language host of the checkout whose .aex/bin links here, in that checkout's environment.
root=$(cd "$(dirname "$0")/../.." && pwd)
if [ ! -x "$root/.venv/bin/python" ] || [ ! -f "$root/tools/engine/host.py" ]; then
    echo "$0 is not in the .aex/bin of a checkout that is set up: run 'make setup' there" >&2
    exit 1
fi
exec "$root/.venv/bin/python" "$root/tools/engine/host.py" "$@"
"""


def is_current(checkout: Checkout, sources: tuple[str, ...]) -> bool:
    """Tell whether the engine was set up from what there is now, and is still there."""
    return checkout.is_current("engine", _facts(checkout, sources)) and all(link.exists() for link in _links(checkout))


def ensure(checkout: Checkout, step: Step, sources: tuple[str, ...]) -> None:
    """Make `pulumi` available to this checkout's commands."""
    facts = _facts(checkout, sources)
    checkout.forget("engine")
    wanted = versions.engine_version(checkout.root)
    installed = on_path(checkout, versions.sdk_version(checkout.root), step.note) if "path" in sources else None
    if installed:
        _link(checkout, None)
        step.result(f"pulumi on PATH: {installed}")
    else:
        folder = _cached(checkout, wanted, step, sources)
        _link(checkout, folder)
        step.result(f"pulumi {versions.show(wanted)}")
    checkout.complete("engine", facts)


def on_path(checkout: Checkout, oldest: versions.Version, note: Callable[[str], None]) -> Path | None:
    """Find an installed Pulumi that is new enough and has its own language host; say why one is passed over."""
    for program in _candidates(checkout):
        said = subprocess.run([program, "version"], capture_output=True, text=True, check=False).stdout
        version = versions.parse(said) or (0, 0, 0)
        beside = program.resolve().parent / "pulumi-language-python"
        if version < oldest:
            note(f"{program} is {versions.show(version)}, older than the SDK ({versions.show(oldest)}): not used")
        elif not beside.exists() and not _which(checkout, "pulumi-language-python"):
            note(f"{program} has no pulumi-language-python beside it: not used")
        else:
            return program
    return None


def build(root: Path, target: Path, step: Step) -> None:
    """Build the CLI, and take the SDK's two scripts, into a folder."""
    go = golang.find(versions.go_version(root))
    module = root / "tools" / "engine"
    version = versions.show(versions.engine_version(root))
    count = 0

    def compiled(line: str) -> None:
        nonlocal count
        count += " " not in line
        step.progress(f"{count} packages compiled" if count else "downloading modules")

    step.note("building it from the Go module proxy: about 6 minutes on two cores, once a machine")
    step.progress("downloading modules")
    # `-v` names each package as it is compiled, which is the progress that is shown.
    stamp = f"-s -w -X {SDK_MODULE}/go/common/version.Version=v{version}"
    command = [go.program, "build", "-v", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", stamp]
    run(
        [*command, "-o", str(target / "pulumi"), COMMAND], cwd=module, env=go.env, on_line=compiled, remedy=PROXY_REMEDY
    )
    sdk = run([go.program, "list", "-m", "-f", "{{.Dir}}", SDK_MODULE], cwd=module, env=go.env, remedy=PROXY_REMEDY)
    for script in SDK_SCRIPTS:
        copy = target / Path(script).name
        shutil.copyfile(Path(sdk.strip(), script), copy)
        copy.chmod(0o755)
    launcher = target / "pulumi-language-python"
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)


def _cached(checkout: Checkout, version: versions.Version, step: Step, sources: tuple[str, ...]) -> Path:
    """Give the cached engine's folder, filling it first if need be; a folder with that name is always complete."""
    home = checkout.cache / "pulumi"
    downloaded = home / f"{versions.show(version)}-release"
    built = home / f"{versions.show(version)}-{_recipe(checkout.root)}"
    with locked(home, step):
        for folder, source in ((downloaded, "release"), (built, "build")):
            if folder.exists() and source in sources:
                return folder
        with tempfile.TemporaryDirectory(dir=home, prefix="unfinished-") as unfinished:
            staged = Path(unfinished, "ready")
            if "release" in sources and release.download(version, staged, step):
                folder = downloaded
            elif "build" in sources:
                staged.mkdir()
                build(checkout.root, staged, step)
                folder = built
            else:
                raise SetupError(f"no Pulumi from {', '.join(sources)}", f"Allow more of: {', '.join(SOURCES)}.")
            _prove(staged, version)
            staged.rename(folder)
    return folder


def _recipe(root: Path) -> str:
    """Hash what decides about the built engine's content."""
    module = root / "tools" / "engine"
    script = hashlib.sha256(LAUNCHER.encode()).hexdigest()
    return fingerprint([module / "go.mod", module / "go.sum"], script, platform.system(), platform.machine())[:12]


def _prove(folder: Path, version: versions.Version) -> None:
    said = run([str(folder / "pulumi"), "version"], remedy="Remove the cache folder and try again.")
    if versions.parse(said) != version:
        raise SetupError(f"the new engine says {said.strip()}, not {versions.show(version)}", "Report this as a bug.")


def _facts(checkout: Checkout, sources: tuple[str, ...]) -> str:
    candidates = [f"{program} {program.resolve()} {program.stat().st_mtime_ns}" for program in _candidates(checkout)]
    sdk = versions.show(versions.sdk_version(checkout.root))
    return fingerprint([], _recipe(checkout.root), sdk, str(checkout.cache), *sources, *candidates)


def _candidates(checkout: Checkout) -> list[Path]:
    found = _which(checkout, "pulumi")
    return [found] if found else []


def _which(checkout: Checkout, program: str) -> Path | None:
    """Look for a program on PATH, passing over what a checkout (this or another) links from the cache."""
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which(program, path=folder)
        if found and not Path(found).resolve().is_relative_to(checkout.cache.resolve()):
            return Path(found)
    return None


def _links(checkout: Checkout) -> list[Path]:
    return sorted(checkout.bin.glob("pulumi*"))


def _link(checkout: Checkout, folder: Path | None) -> None:
    """Let `.aex/bin` link to everything in an engine's folder, or to nothing where Pulumi is on PATH itself."""
    checkout.bin.mkdir(parents=True, exist_ok=True)
    programs = {program.name: program for program in folder.glob("pulumi*")} if folder else {}
    for link in _links(checkout):
        if link.name not in programs:
            link.unlink()
    for name, program in sorted(programs.items()):
        # Replaced in one move: a command of this checkout may be running.
        fresh = checkout.bin / f".{name}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(program)
        fresh.replace(checkout.bin / name)
