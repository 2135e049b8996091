"""The docs: every link leads somewhere, and every command in them is one that exists, with options that it has.

What a command does is tested where it is at home. Here a renamed target, a dropped option or a misspelled key is found.
"""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.config.reference import keys

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
OURS = {"make", "pulumi", "aexctl", ".venv/bin/aexctl", ".venv/bin/python"}
OTHERS = {
    *("aws", "gcloud", "docker", "git", "gh", "curl", "jq", "shred", "out", "eval", "export", "python", "pipx", "uv"),
    *(
        "firebase",
        "skopeo",
        "npm",
        "wrk",
        "dig",
        "openssl",
        "cat",
        "tail",
        "ls",
        "sqlite3",
        "mongosh",
        "touch",
        "kill",
        "grep",
        "alias",
    ),
}
"""Programs of others, which are named only; what they accept is not ours to check."""
PLACEHOLDER = re.compile(r"<(service|secret)>")


def _commands(page: Path) -> Iterator[str]:
    """The command lines of a page: all of a block without prompts, otherwise the lines with one."""
    for indent, language, body in FENCE.findall(page.read_text()):
        if language not in ("", "console", "sh", "bash"):
            continue
        text = body.replace(f"\n{indent}", "\n").replace("\\\n", " ")
        lines = [line.strip() for line in text.splitlines()]
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        if starts:
            yield from (_whole(lines[number:]).removeprefix("$ ") for number in starts)
        else:
            yield from (line for line in lines if _first(line) in OURS | OTHERS)


def _whole(lines: list[str]) -> str:
    """The command that the first line begins: as many lines as its quotes need. What follows is its output."""
    for end in range(1, len(lines) + 1):
        command = "\n".join(lines[:end])
        try:
            shlex.split(command, comments=True)
        except ValueError:
            continue
        return command
    raise ValueError(f"a quote is never closed: {lines[0]}")


def _first(line: str) -> str:
    words = line.split()
    return words[0] if words else ""


def _simple(line: str) -> Iterator[list[str]]:
    """The single commands of a line, variables in front of them and what is inside of `$(...)` left out."""
    line = re.sub(r"^\w+\(\) \{ (.*?);? *\}", r"\1", line, flags=re.DOTALL)  # a function for the page's other commands
    line = re.sub(r"\$\([^()]*(\([^()]*\)[^()]*)*\)", "VALUE", line)
    words = shlex.split(line, comments=True)
    command: list[str] = []
    for word in [*words, "&&"]:
        if word in ("&&", "||", "|", ";"):
            while command and re.match(r"^[A-Z_]+=", command[0]):
                command.pop(0)
            if command:
                yield command
            command = []
        else:
            command.append(word)


COMMANDS = [
    pytest.param(command, id=f"{page.relative_to(ROOT)}: {shlex.join(command)[:70]}")
    for page in PAGES
    for line in _commands(page)
    for command in _simple(line)
]


@functools.cache
def _targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@functools.cache
def _help(*command: str) -> str:
    """What a command says of itself; a command that does not exist fails."""
    done = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)} --help: {done.stderr}"
    return done.stdout + done.stderr


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) > 50


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_in_the_docs_exists(command: list[str]) -> None:
    program, *words = command
    assert program in OURS | OTHERS, f"{program} is unknown: correct it, or add it to OTHERS"
    if program == "make":
        named = [word for word in words if "=" not in word and not word.startswith("-")]
        assert set(named) <= _targets()
    elif program == "pulumi":
        _check_pulumi(words)
    elif program.endswith("aexctl"):
        _check_options((str(ROOT / ".venv/bin/aexctl"), words[0]), words[1:])
    elif program == ".venv/bin/python" and words[:1] == ["-m"]:
        _check_module(words[1])


def _check_pulumi(words: list[str]) -> None:
    binary = str(ROOT / ".aex" / "bin" / "pulumi") if (ROOT / ".aex/bin/pulumi").exists() else "pulumi"
    depth = 2 if words[0] in ("stack", "config", "state", "plugin", "policy") and len(words) > 1 else 1
    depth = 1 if depth == 2 and words[1].startswith("-") else depth
    _check_options((binary, *words[:depth]), words[depth:])
    if words[:2] == ["config", "set"]:
        plain = [word for word in words[2:] if not word.startswith("-")]
        key = next(word for word in plain if ":" in word)
        if key.startswith("agent-exchange:"):
            _check_key(key.removeprefix("agent-exchange:"))


def _check_options(command: tuple[str, ...], words: list[str]) -> None:
    said = _help(*command)
    for word in words:
        if word.startswith("-") and word != "-":
            option = word.split("=")[0]
            assert re.search(rf"(^|[\s,]){re.escape(option)}\b", said, re.MULTILINE), f"{command} has no {option}"


def _check_module(module: str) -> None:
    path = ROOT / ("app" if module.startswith("aex") else "") / module.replace(".", "/")
    assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def _check_key(path: str) -> None:
    """A key that a page sets is one that a stack can set; a section may be set as a whole."""
    plain = re.sub(r"\[\d+\]", "", path).replace('["', ".").replace('"]', "")
    known = [PLACEHOLDER.sub("*", key.path).replace("[]", "") for key in keys()]
    lists = {key.path for key in keys() if key.takes.startswith("list of")}
    assert path not in lists, f"{path} is a list, which the engine takes by its items only: {path}[0]"
    parts = plain.split(".")
    assert any(
        all(known_part in ("*", part) for known_part, part in zip(key.split("."), parts, strict=False)) for key in known
    ), f"{path} is no key: docs/config.md has them"


LINKS = [
    pytest.param(page, link, id=f"{page.relative_to(ROOT)} -> {link}")
    for page in PAGES
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    if not re.match(r"[a-z]+:", link)
]


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_a_link_leads_somewhere(page: Path, link: str) -> None:
    file, _, anchor = link.partition("#")
    target = (page.parent / file).resolve() if file else page
    assert target.exists()
    if anchor:
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in slugs, f"{target.name} has {sorted(slugs)}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)\s#]+)", page.read_text())
        todo += [(page.parent / link).resolve() for link in links if not re.match(r"[a-z]+:", link)]
    assert set(PAGES) - reached == set()
