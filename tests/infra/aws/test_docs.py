"""The table of the guide's lines in docs/aws.md: complete, and about files that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs" / "aws.md"

AWS_LINES = {
    # what of the guide is about AWS, by hand: (first, last) line, blank lines at the ends aside
    "AWS Deployment": (293, 504),
    "CI/CD, AWS (ECS Fargate)": (523, 541),
    "Service Configuration": (543, 579),
    "AWS Auto-scaling": (597, 629),
    "Security, Authentication": (632, 639),
    "Security, AWS": (650, 653),
    "Security, Secret Management": (655, 660),
    "Troubleshooting, AWS": (682, 711),
    "Teardown": (715, 745),
}

ROW = re.compile(r"^\| (?P<first>\d+)(-(?P<last>\d+))? \| (?P<guide>[^|]+) \| (?P<here>[^|]+) \|$", re.MULTILINE)


def rows() -> list[tuple[range, str]]:
    """Lines of the guide -> what is here."""
    found = [
        (range(int(each["first"]), int(each["last"] or each["first"]) + 1), each["here"])
        for each in ROW.finditer(DOCS.read_text())
    ]
    assert len(found) > 30
    return found


def test_every_line_of_the_guides_aws_part_is_in_the_table_once() -> None:
    named = [line for lines, _ in rows() for line in lines]
    assert len(named) == len(set(named)), "two rows speak of one line"
    missing = {
        name: sorted(set(range(first, last + 1)) - set(named))
        for name, (first, last) in AWS_LINES.items()
        if set(range(first, last + 1)) - set(named)
    }
    assert missing == {}


def test_every_file_in_the_table_exists() -> None:
    for lines, here in rows():
        files = re.findall(r"`([\w/.-]+\.py)`", here)
        for file in files:
            folder = ROOT if "/" in file else ROOT / "infra" / "aws"
            assert (folder / file).is_file(), f"lines {lines.start}-{lines.stop - 1}: {file}"
        for page in re.findall(r"\]\(([\w-]+\.md)\)", here):
            assert (DOCS.parent / page).is_file(), page


def test_every_module_for_aws_has_its_place_in_the_docs() -> None:
    mentioned = set(re.findall(r"`(\w+\.py)`", DOCS.read_text()))
    modules = {each.name for each in (ROOT / "infra" / "aws").glob("*.py")} - {"__init__.py"}
    assert modules - mentioned == set(), "say in docs/aws.md what it is for"


def test_config_keys_and_make_targets_in_the_table_exist() -> None:
    text = "\n".join(here for _, here in rows())
    schema = (ROOT / "Pulumi.yaml").read_text()
    for key in ("executeCommand", "restart", "digests", "version", "sizes", "scaling"):
        assert key in text
        assert re.search(rf"\b{key}\b", schema), key
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target
