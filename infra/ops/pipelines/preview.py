"""Previews a stack for a pull request, and writes a report that a reviewer can read in ten seconds.

    python -m infra.ops.pipelines.preview --stack staging --report report [--offline aws]

Offline it needs no credentials: the real engine against the stand-in clouds, and every policy.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from infra.ops.faults import OpsError
from infra.ops.pipelines.previewed import previewed
from infra.ops.summary import markdown

POLICIES: Final = "infra/policy"
_NOTES: Final = {
    True: "The real engine against stand-ins for the cloud, from nothing: what a new stack would be.",
    False: "Against the cloud, with an identity that may only look.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; the exit code is the engine's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--offline", metavar="CLOUD", help="with stand-ins for this cloud")
    parser.add_argument("--report", type=Path, required=True, help="folder for the report")
    options = parser.parse_args(arguments)
    try:
        done = previewed(options.stack, ["preview", "--policy-pack", POLICIES], offline_cloud=options.offline)
    except OpsError as error:
        print(error, file=sys.stderr)
        return error.code
    name = f"{options.stack}-{options.offline}" if options.offline else options.stack
    title = f"{options.stack} on {options.offline}, offline" if options.offline else options.stack
    text = markdown(title, done.found, _NOTES[options.offline is not None])
    options.report.mkdir(parents=True, exist_ok=True)
    (options.report / f"{name}.md").write_text(text)
    publish(text)
    return done.code


def publish(text: str) -> None:
    """Show it, and in a workflow on the page of the run too."""
    print(text)
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page:
        with Path(page).open("a") as file:
            file.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
