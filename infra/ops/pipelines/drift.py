"""Compares a stack's state with its cloud, and keeps an issue about it: opened, updated while it lasts, closed after.

    python -m infra.ops.pipelines.drift --stack production

Only reads: neither the state nor the cloud is changed or locked, so an identity that may write nothing is enough.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Final, cast

from infra.ops.faults import OpsError
from infra.ops.pipelines.preview import publish
from infra.ops.pipelines.previewed import Previewed, previewed
from infra.ops.pipelines.shell import github
from infra.ops.summary import markdown

_UNREAD: Final = ("--exclude", "**SecretVersion::**")
"""Values of secrets, which the comparing identity may not read."""

_LABEL: Final = "drift"
_ISSUES: Final = "repos/{owner}/{repo}/issues"
_WHAT_TO_DO: Final = """\
The cloud is not as the engine left it: somebody, or something, changed it.

* To put it back: `make refresh STACK={stack}`, then `make up STACK={stack}`.
* To keep the change: declare it, then the same two commands, and nothing is left to change.
* To see it by yourself: `pulumi refresh --preview-only --diff --stack {stack}`.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and tell; 1 if the stack has drifted or cannot be compared."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stack", required=True)
    options = parser.parse_args(arguments)
    try:
        done = previewed(options.stack, ["refresh", "--preview-only", *_UNREAD])
        text = markdown(options.stack, done.found)
        publish(text)
        print(tell(options.stack, done, text))
    except OpsError as error:
        print(error, file=sys.stderr)
        return error.code
    return 1 if done.code or done.found.steps else 0


def tell(stack: str, done: Previewed, text: str) -> str:
    """Open, update or close the stack's issue; says what was done."""
    title = f"Stack {stack} is not as it was deployed"
    issue = _open_issue(title)
    if not done.code and not done.found.steps:
        if issue is None:
            return f"{stack} is as it was deployed"
        github(f"{_ISSUES}/{issue}", "--method", "PATCH", body={"state": "closed", "state_reason": "completed"})
        return f"#{issue} closed: {stack} is as it was deployed again"
    body = f"{text}\n{_WHAT_TO_DO.format(stack=stack)}"
    if issue is None:
        github(_ISSUES, "--method", "POST", body={"title": title, "body": body, "labels": [_LABEL]})
        return "issue opened"
    github(f"{_ISSUES}/{issue}", "--method", "PATCH", body={"body": body})
    return f"#{issue} updated"


def _open_issue(title: str) -> int | None:
    path = f"{_ISSUES}?state=open&labels={_LABEL}&per_page=100"
    for issue in cast("list[Mapping[str, object]]", github(path)):
        if issue["title"] == title:
            return int(str(issue["number"]))
    return None


if __name__ == "__main__":
    sys.exit(main())
