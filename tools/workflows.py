"""Checks the workflows: actionlint for what GitHub would refuse, zizmor for what an attacker would use.

actionlint is built once a machine from the Go module proxy, into the same cache as the engine; zizmor is in the locked
environment. Both read files only.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import golang
from tools.checkout import Checkout, fingerprint, locked
from tools.console import Step
from tools.process import SetupError, run

COMMAND = "github.com/rhysd/actionlint/cmd/actionlint"
NEEDS_GO = (1, 25, 0)
"""What the module says that it needs."""
REMEDY = "It needs the Go module proxy (GOPROXY) once a machine."


def actionlint(checkout: Checkout) -> Path:
    """Give the linter, built if this machine does not have it yet."""
    module = checkout.root / "tools" / "actionlint"
    recipe = fingerprint([module / "go.mod", module / "go.sum"], platform.system(), platform.machine())[:12]
    home = checkout.cache / "actionlint"
    program = home / recipe / "actionlint"
    with locked(home):
        if not program.exists():
            with Step("actionlint") as step, tempfile.TemporaryDirectory(dir=home, prefix="unfinished-") as unfinished:
                go = golang.find(NEEDS_GO)
                staged = Path(unfinished, "ready")
                command = [go.program, "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", "-s -w"]
                run([*command, "-o", str(staged / "actionlint"), COMMAND], cwd=module, env=go.env, remedy=REMEDY)
                staged.rename(program.parent)
                step.result("built")
    return program


def main() -> int:
    """Run both; 1 if one of them has found something."""
    checkout = Checkout.here()
    try:
        linter = actionlint(checkout)
    except SetupError as error:
        print(f"actionlint: {error}", file=sys.stderr)
        return 1
    zizmor = [str(checkout.python.parent / "zizmor"), "--offline", "--quiet", "--no-progress", ".github"]
    # Each looks for the workflows where it is started. actionlint would call shellcheck where there is one.
    commands = [[str(linter), "-shellcheck="], zizmor]
    codes = [subprocess.run(command, cwd=checkout.root, check=False).returncode for command in commands]
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
