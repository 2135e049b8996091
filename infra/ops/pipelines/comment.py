"""Puts the reports of a pull request's previews under it: one comment a report, updated in place.

    python3 -m infra.ops.pipelines.comment --commit <sha> <folder with *.md>

The reports come out of code that nobody has reviewed: they are text, cut to what a comment holds, and nothing else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from infra.ops.faults import OpsError
from infra.ops.pipelines.shell import github

_LONGEST: Final = 60_000
"""Characters; GitHub refuses a comment of more than 65,536."""
_CUT: Final = "\n\n... cut; the whole report is in the job's summary."


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or update the comments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commit", required=True, help="the commit that was previewed")
    parser.add_argument("folder", type=Path, help="where the reports are")
    options = parser.parse_args(arguments)
    try:
        number = pull_request(options.commit)
        if number is None:
            print(f"no open pull request ends with {options.commit}: nothing to comment")
            return 0
        for report in sorted(options.folder.rglob("*.md")):
            print(f"#{number}: {report.stem} {publish(number, report.stem, report.read_text())}")
    except OpsError as error:
        print(error, file=sys.stderr)
        return error.code
    return 0


def pull_request(commit: str) -> int | None:
    """The open pull request whose last commit this is; an older one has newer reports on the way."""
    found = cast("list[Mapping[str, object]]", github(f"repos/{{owner}}/{{repo}}/commits/{commit}/pulls"))
    for each in found:
        head = cast("Mapping[str, object]", each["head"])
        if each["state"] == "open" and head["sha"] == commit:
            return int(str(each["number"]))
    return None


def publish(number: int, name: str, text: str) -> str:
    """Write the comment of one report, or update it. Says which."""
    mark = f"<!-- aex preview: {name} -->"
    body = f"{mark}\n{text if len(text) <= _LONGEST else text[:_LONGEST] + _CUT}"
    mine = _comment(number, mark)
    if mine is None:
        github(f"repos/{{owner}}/{{repo}}/issues/{number}/comments", "--method", "POST", body={"body": body})
        return "written"
    if mine["body"] == body:
        return "unchanged"
    github(f"repos/{{owner}}/{{repo}}/issues/comments/{mine['id']}", "--method", "PATCH", body={"body": body})
    return "updated"


def _comment(number: int, mark: str) -> Mapping[str, object] | None:
    """The comment with our mark, written by a bot: people may quote it."""
    path = f"repos/{{owner}}/{{repo}}/issues/{number}/comments?per_page=100"
    pages = cast("list[list[Mapping[str, object]]]", github(path, "--paginate", "--slurp"))
    for comment in (each for page in pages for each in page):
        author = cast("Mapping[str, object]", comment["user"])
        if author["type"] == "Bot" and str(comment["body"]).startswith(mark):
            return comment
    return None


if __name__ == "__main__":
    sys.exit(main())
