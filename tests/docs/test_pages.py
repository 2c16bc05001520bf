"""Links between the pages, the sections the README promises, and what no page may say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if "_build" not in path.parts
)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
RUN = "python3 -m venv .venv && .venv/bin/pip install --quiet . && .venv/bin/optimize scenarios/annual_budget.yaml"
TEST = (
    "python3 -m venv .venv-test && .venv-test/bin/pip install --quiet -e '.[test]' "
    "&& .venv-test/bin/python -m pytest -n 2"
)


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors_of(text: str) -> set[str]:
    headings = re.findall(r"^#{1,6} (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_somewhere(page: str) -> None:
    dead = []
    for found in LINK.finditer(FENCED.sub("", read(page))):
        target, _, anchor = found["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (ROOT / page).parent / target if target else ROOT / page
        if not path.exists() or (anchor and anchor not in anchors_of(path.read_text(encoding="utf-8"))):
            dead.append(found["target"])
    assert dead == []


@pytest.mark.parametrize(("heading", "command"), [("Run", RUN), ("Test", TEST)])
def test_readme_says_how_to_run_and_test_in_one_line(heading: str, command: str) -> None:
    section = read("README.md").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    fences = [block.strip("`\n").splitlines()[1:] for block in FENCED.findall(section)]
    assert fences == [[command]]


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = set(re.findall(r"^([\w/]+)$", read("docs/index.md"), re.MULTILINE))
    pages = {page.removeprefix("docs/").removesuffix(".md") for page in PAGES if page.startswith("docs/")}
    assert listed == pages - {"index"}


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_has_words(page: str) -> None:
    assert re.findall(r"!\[\]\(", read(page)) == []
