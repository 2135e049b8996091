"""`make up`, `preview`, `refresh`, `destroy`, `key` and `env`: the engine's commands with the stack's environment.

The stack `local` keeps its state in this checkout and asks nothing. Every other stack uses the backend and the
credentials that the user has set, and Pulumi's own questions before it changes anything.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from tools.checkout import Checkout
from tools.process import SetupError

LOCAL = "local"
# Nothing is downloaded for the local stack: it would be the cloud providers' plugins, hundreds of megabytes unused.
LOCAL_ENVIRONMENT = {
    "PULUMI_CONFIG_PASSPHRASE": "",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
}
# What the local stack's operations add: nothing there is worth a question. Other stacks show and ask first.
OPERATIONS = {
    "up": ["--yes", "--skip-preview", "--suppress-outputs"],
    "preview": [],
    "refresh": ["--yes", "--skip-preview"],
    "destroy": ["--yes", "--skip-preview"],
}
# Operations on a cloud wait for it, not for this machine's cores, of which the engine makes its default.
CLOUD_ENVIRONMENT = {"PULUMI_PARALLEL": os.environ.get("PULUMI_PARALLEL", "32")}
LOG_IN = """
Pulumi is not logged in to where the state of {name} is kept.
  → Log in to the address that stack bootstrap gives as `backend`: `pulumi login <address>` (docs/aws.md, docs/gcp.md);
    or look without any account: `make preview STACK={name} CLOUD=aws` (or gcp)."""
RUNNING = """
The Agent Exchange runs on this machine: {count} services, deployed by Pulumi from one catalog.

  Gateway     {gateway}
  API key     make key
  Logs        {logs}   (make logs)

  make demo       one whole trade between two tenants, told from the services' answers
  make preview    what `make up` would change now
  make destroy    stop everything{data}
"""


def changes(checkout: Checkout, stack: str) -> dict[str, str]:
    """Give the variables that the engine's commands need for a stack, beyond what the user has set."""
    found = {
        "PATH": os.pathsep.join([str(checkout.bin), os.environ.get("PATH", os.defpath)]),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    if stack == LOCAL:
        return found | LOCAL_ENVIRONMENT | {"PULUMI_BACKEND_URL": checkout.backend}
    return found | CLOUD_ENVIRONMENT


def main() -> int:
    """Run one operation on a stack; the exit code is the engine's."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.stack", description=__doc__)
    parser.add_argument("operation", choices=[*OPERATIONS, "key", "env"])
    parser.add_argument("--stack", default=LOCAL, help="the stack (default: %(default)s)")
    arguments, rest = parser.parse_known_args()
    stack = Stack(Checkout.here(), arguments.stack)
    try:
        match arguments.operation:
            case "env":
                return stack.print_environment()
            case "key":
                return stack.print_key()
            case operation:
                return stack.operate(operation, rest)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1


class Stack:
    """One stack of this checkout, and the commands on it."""

    def __init__(self, checkout: Checkout, name: str) -> None:
        """Take the checkout and the stack's name."""
        self._checkout = checkout
        self._name = name
        self._env = {**os.environ, **changes(checkout, name)}

    def operate(self, operation: str, rest: list[str]) -> int:
        """Run an operation; the local stack is made when it is first needed, and not asked about."""
        options: list[str] = []
        if self._name == LOCAL:
            self._prepare()
            if operation == "destroy" and not self._exists():
                print("Nothing to destroy: the local stack does not exist.")
                return 0
            self._select()
            options = OPERATIONS[operation]
        code = self._pulumi([operation, "--stack", self._name, *options, *rest])
        if code and self._name != LOCAL and self._captured(["pulumi", "whoami", "--non-interactive"]).returncode:
            print(LOG_IN.format(name=self._name), file=sys.stderr)
        if code == 0 and operation == "up":
            self._tell()
        if code == 0 and operation == "destroy" and self._name == LOCAL:
            self._tell_what_is_left()
        return code

    def print_key(self) -> int:
        """Print the operator's API key and nothing else, so that a script can use it."""
        print(self._output("apiKey"))
        return 0

    def print_environment(self) -> int:
        """Print what makes a shell's own `pulumi` work on this stack."""
        for name, value in changes(self._checkout, self._name).items():
            shown = f'{shlex.quote(str(self._checkout.bin))}:"$PATH"' if name == "PATH" else shlex.quote(value)
            print(f"export {name}={shown}")
        return 0

    def _prepare(self) -> None:
        """Make the state's folder, and remove locks in it whose holder has died."""
        self._checkout.state.mkdir(parents=True, exist_ok=True)
        locks = [str(self._checkout.python), "-m", "infra.local.locks", str(self._checkout.state)]
        subprocess.run(locks, cwd=self._checkout.root, check=False)

    def _exists(self) -> bool:
        return any((self._checkout.state / ".pulumi" / "stacks").glob(f"*/{LOCAL}.json*"))

    def _select(self) -> None:
        if self._exists():
            return
        command = ["pulumi", "stack", "select", "--create", "--non-interactive", "--stack", self._name]
        done = self._captured(command)
        if done.returncode:
            raise SetupError("the local stack cannot be created", "Run `make setup` and try again.", done.stderr)

    def _pulumi(self, arguments: list[str]) -> int:
        """Run the engine on our terminal. Ctrl-C is the engine's: it ends what it is at, and then we do."""
        before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
        try:
            with subprocess.Popen(
                ["pulumi", *arguments],
                cwd=self._checkout.root,
                env=self._env,
            ) as child:
                return child.wait()
        except FileNotFoundError:
            raise SetupError("there is no pulumi", "Run `make setup`.") from None
        finally:
            signal.signal(signal.SIGINT, before)

    def _captured(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self._checkout.root, env=self._env, capture_output=True, text=True, check=False
        )

    def _outputs(self) -> Mapping[str, object]:
        """Give the outputs of the stack's first platform, secrets in clear."""
        done = self._captured(["pulumi", "stack", "output", "--json", "--show-secrets", "--stack", self._name])
        clouds = cast("dict[str, dict[str, object]]", json.loads(done.stdout)) if done.returncode == 0 else {}
        if not clouds:
            raise SetupError(
                f"stack {self._name} has no outputs yet", f"Start it: `make up STACK={self._name}`.", done.stderr
            )
        return next(iter(clouds.values()))

    def _output(self, name: str) -> object:
        value = self._outputs().get(name)
        if value is None:
            raise SetupError(f"stack {self._name} has no output {name}", f"Run `make up STACK={self._name}`.")
        return value

    def _tell(self) -> None:
        """Say where the exchange is and what can be done with it."""
        if self._name != LOCAL:
            print(f"\nStack {self._name} is up; its outputs: `pulumi stack output --stack {self._name}`.")
            return
        outputs = self._outputs()
        logs = Path(str(outputs["logs"]))
        data = Path(str(outputs["data"]))
        services = cast("dict[str, str]", outputs["services"])
        kept = f"; data stays in {self._short(data)}" if data.exists() else ""
        print(RUNNING.format(count=len(services), gateway=outputs["gatewayUrl"], logs=self._short(logs), data=kept))

    def _tell_what_is_left(self) -> None:
        data = self._checkout.generated / LOCAL / "data"
        if data.is_dir():
            print(f"\nNothing runs any more. Data stays in {self._short(data)}: the next `make up` goes on with it.")

    def _short(self, path: Path) -> str:
        root = self._checkout.root
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


if __name__ == "__main__":
    sys.exit(main())
