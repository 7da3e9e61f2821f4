"""The documentation: its code runs when it is built, what it names is there, and it is Markdown
that a code host shows as the site does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import responses

from workbench.__main__ import VERBS
from workbench.listings import without

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
BUILD = "import sys; from workbench.docs import main; sys.exit(main([]))"

Build = Callable[[str], CompletedProcess[str]]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Return a function that builds a site of one page, with the settings of docs/conf.py."""
    pytest.importorskip("sphinx", reason="make docs installs it")
    shutil.copytree(ROOT / "docs/_static", tmp_path / "docs/_static")
    # A site of one page has no list of pages.
    settings = re.sub(r"(?s)PAGES = \(.*?\)", "PAGES = ()", (ROOT / "docs/conf.py").read_text())
    (tmp_path / "docs/conf.py").write_text(settings, "utf-8")

    def build(page: str) -> CompletedProcess[str]:
        (tmp_path / "docs/index.md").write_text(f"# A page\n\n{page}\n", "utf-8")
        command = [sys.executable, "-c", BUILD]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    return build


def test_a_page_whose_code_does_what_it_says_is_built_quietly(
    build: Build, tmp_path: Path
) -> None:
    result = build("```python\nx = 1\n```\n\n```pycon\n>>> x + 1\n2\n```")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "The documentation is in build/docs/index.html\n"
    assert (tmp_path / "build/docs/index.html").is_file()


@pytest.mark.parametrize(
    "page",
    [
        "```pycon\n>>> 1 + 1\n3\n```",
        "```python\nassert 1 + 1 == 3\n```",
        "```pycon\n>>> int('x')\nTraceback (most recent call last):\nValueError: no\n```",
    ],
)
def test_code_that_does_something_else_fails_the_build(build: Build, page: str) -> None:
    result = build(page)

    assert result.returncode == 1
    assert "Failed example" in result.stderr


def test_a_listing_is_shown_and_not_run(build: Build) -> None:
    listing = "```python\nassert False\n```"
    result = build(f"<!-- listing: a.py f -->\n{listing}\n<!-- /listing -->")

    assert (result.returncode, result.stderr) == (0, "")


def test_the_readme_says_how_long_a_command_takes_as_the_workbench_does() -> None:
    rows = re.findall(r"^\| `make ([a-z-]+)` \|.*\| (.+) \|$", README.read_text(), re.MULTILINE)

    assert {"test", "compare", "run"} < dict(rows).keys()
    takes = {name: VERBS[name].takes for name, _ in rows if VERBS[name].takes}
    assert {name: said for name, said in rows if name in takes} == takes


def headings(page: Path) -> list[str]:
    """The names by which a link leads to the headings of a page, as code hosts make them."""
    found = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in found]


def test_the_workshop_quotes_what_the_tools_say() -> None:
    tools = [ROOT / "Makefile", *ROOT.glob("workbench/*.py"), Path(responses.__file__)]
    # Without the quotation marks of a sentence that goes on in the next line.
    said = re.sub(r'"\s+f?"', "", "".join(tool.read_text("utf-8") for tool in tools))
    # What differs from case to case.
    said = said.replace("{reasons}", "5001 (address already in use)").replace(
        "{what}", "a virtual environment"
    )
    page = (ROOT / "docs/workshop.md").read_text("utf-8")
    quoted = re.findall(r'"([A-Z…][^"\n]+)"', page)

    assert "Not all requests have been executed" in quoted
    parts = [part.strip() for quotation in quoted for part in quotation.split("…")]
    assert [part for part in parts if part not in said] == []


def test_the_tests_that_the_pages_name_are_there() -> None:
    tests = "".join(path.read_text("utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    pages = "".join(page.read_text("utf-8") for page in ROOT.glob("docs/*.md"))
    named = re.findall(r"`(test_\w+)`", pages)

    assert named
    assert [name for name in named if f"def {name}(" not in tests] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_no_syntax_that_a_code_host_does_not_know(page: Path) -> None:
    text = page.read_text("utf-8")

    assert re.findall(r"^ *(?:```\{|:::).*|\[\]\(.*?\)|\{\w+\}`", text, re.MULTILINE) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_inside_the_repository_leads_to_something(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)(?:#([^)]*))?\)", page.read_text("utf-8"))

    assert links or page.name == "CONTRIBUTING.md"
    for link, heading in links:
        assert (page.parent / link).exists(), link
        if heading:
            assert heading in headings(page.parent / link), (link, heading)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_file_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`((?:\w+/)*\w+\.(?:py|toml|md))`", without(page.read_text("utf-8")))
    folders = [ROOT / name for name in ("", "before_mvt", "after_service_layer")]
    folders += [folder / "support" for folder in folders]
    # A test file may be named without its folder.
    folders += [folder for folder in (ROOT / "tests").rglob("*") if folder.is_dir()]

    missing = {name for name in named if not any((folder / name).exists() for folder in folders)}
    assert missing == set()


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_each_page_has_one_thing_to_run_now(page: Path) -> None:
    if page.name == "glossary.md":
        pytest.skip("a page to look things up")
    assert len(re.findall(r"^#+ Run this now$", page.read_text("utf-8"), re.MULTILINE)) == 1
