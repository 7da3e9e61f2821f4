"""The documentation: its code runs when it is built, and what it names is there."""

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

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from workbench.docs import main; sys.exit(main([]))"

Build = Callable[[str], CompletedProcess[str]]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Return a function that builds a site of one page, with the settings of docs/conf.py."""
    pytest.importorskip("sphinx", reason="make docs installs it")
    shutil.copytree(ROOT / "docs/_static", tmp_path / "docs/_static")
    shutil.copy(ROOT / "docs/conf.py", tmp_path / "docs")

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
    result = build("```{doctest}\n>>> 1 + 1\n2\n```\n\n```{testcode}\nassert True\n```")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "The documentation is in build/docs/index.html\n"
    assert (tmp_path / "build/docs/index.html").is_file()


@pytest.mark.parametrize(
    "page",
    [
        "```{doctest}\n>>> 1 + 1\n3\n```",
        "```{testcode}\nassert 1 + 1 == 3\n```",
        "```{doctest}\n>>> int('x')\nTraceback (most recent call last):\nValueError: no\n```",
    ],
)
def test_code_that_does_something_else_fails_the_build(build: Build, page: str) -> None:
    result = build(page)

    assert result.returncode == 1
    assert "Failed example" in result.stderr


def test_a_listing_of_something_that_is_gone_fails_the_build(build: Build) -> None:
    result = build("```{literalinclude} conf.py\n:pyobject: gone\n```")

    assert result.returncode == 1
    assert "gone" in result.stderr


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
    tests = "".join(path.read_text("utf-8") for path in ROOT.glob("tests/*/test_*.py"))
    pages = "".join(page.read_text("utf-8") for page in ROOT.glob("docs/*.md"))
    named = re.findall(r"`(test_\w+)`", pages)

    assert named
    assert [name for name in named if f"def {name}(" not in tests] == []
