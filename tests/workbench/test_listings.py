"""The listings: what a marker may ask for, and the message when it cannot be filled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import listings
from workbench.environment import Problem

ROOT = Path(__file__).parents[2]
CODE = '''LIMIT = 10


class Checkout:
    """Sells."""

    @property
    def price(self) -> int:
        gross = 5

        return gross * LIMIT
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docs/_generated").mkdir(parents=True)
    (tmp_path / "docs/_generated/table.md").write_text("| a |\n|---|\n", "utf-8")
    (tmp_path / "shop.py").write_text(CODE, "utf-8")
    (tmp_path / "rules.toml").write_text("[a]\nx = 1979-05-27\n", "utf-8")
    return tmp_path


def page(project: Path, marker: str, name: str = "README.md") -> str:
    """Fill a page that has this marker, and return what is then between its ends."""
    kind = marker.partition(":")[0]
    path = project / name
    path.write_text(f"# Shop\n\n<!-- {marker} -->\nold\n<!-- /{kind} -->\n\nEnd.\n", "utf-8")
    listings.write(project)
    text = path.read_text("utf-8")
    assert text.startswith(f"# Shop\n\n<!-- {marker} -->\n")
    assert text.endswith(f"<!-- /{kind} -->\n\nEnd.\n")
    return text.partition("-->\n")[2].partition(f"<!-- /{kind}")[0].strip()


@pytest.mark.parametrize(
    ("marker", "where", "code"),
    [
        ("shop.py LIMIT", "", "LIMIT = 10"),
        (
            "shop.py Checkout.price",
            ", in `Checkout`",
            "@property\ndef price(self) -> int:\n    gross = 5\n\n    return gross * LIMIT",
        ),
        ('shop.py Checkout.price from "gross" to "gross"', ", in `Checkout.price`", "gross = 5"),
        ('shop.py Checkout.price from gross before " *"', ", in `Checkout.price`", "gross = 5"),
        ("shop.py before class", "", "LIMIT = 10"),
    ],
)
def test_a_listing_is_an_object_or_some_of_its_lines(project, marker, where, code):
    shown = page(project, f"listing: {marker}")

    assert shown == f"[shop.py](shop.py){where}:\n\n```python\n{code}\n```"


def test_a_page_below_docs_leads_back_to_the_file(project):
    shown = page(project, 'listing: rules.toml from "x ="', name="docs/page.md")

    assert shown == "[rules.toml](../rules.toml):\n\n```toml\nx = 1979-05-27\n```"


def test_what_another_command_has_generated_is_shown(project):
    assert page(project, "generated: table") == "| a |\n|---|"


@pytest.mark.parametrize(
    ("marker", "sentence"),
    [
        ("listing: gone.py", "gone.py cannot be read: No such file or directory."),
        ("listing: shop.py Gone", "shop.py has no Gone: name there what the page shows now."),
        ("listing: rules.toml A", "rules.toml is not Python: it has no objects to be named."),
        ("listing: shop.py from gone", "shop.py has no line with 'gone' there."),
        ("listing: shop.py LIMIT until gone", "'until' is none of from, to, before."),
        ('listing: shop.py "a', 'shop.py "a cannot be read: No closing quotation.'),
        ("generated: gone", "docs/_generated/gone.md cannot be read: No such file or directory."),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(project, marker, sentence):
    with pytest.raises(Problem) as problem:
        page(project, marker)

    assert str(problem.value) == f"README.md, line 3: {sentence}"


def test_a_marker_without_its_other_end_deletes_nothing(project):
    text = "<!-- listing: shop.py -->\n\nprose\n\n<!-- generated: table -->\n<!-- /generated -->\n"
    (project / "README.md").write_text(text, "utf-8")

    with pytest.raises(Problem, match=r"README\.md, line 1: .*has no other end"):
        listings.write(project)
    assert (project / "README.md").read_text("utf-8") == text


def test_every_page_that_is_wrong_is_named(project):
    for name in ("README.md", "docs/page.md"):
        (project / name).write_text("<!-- listing: a.py -->\n<!-- /listing -->\n", "utf-8")

    with pytest.raises(Problem) as problem:
        listings.stale(project)

    assert [line.partition(",")[0] for line in str(problem.value).splitlines()] == [
        "README.md",
        "docs/page.md",
    ]


def test_the_check_names_the_stale_page_and_the_command(project, monkeypatch, capsys):
    monkeypatch.setattr(listings, "ROOT", project)
    page(project, "listing: shop.py LIMIT")
    assert listings.main(["--check"]) == 0
    (project / "shop.py").write_text("LIMIT = 11\n", "utf-8")
    before = (project / "README.md").read_text("utf-8")

    assert listings.main(["--check"]) == 1
    assert capsys.readouterr().out == (
        "README.md does not show what is in the files: `make listings` writes it anew.\n"
    )
    assert (project / "README.md").read_text("utf-8") == before

    assert listings.main([]) == 0
    assert "LIMIT = 11" in (project / "README.md").read_text("utf-8")


def test_an_unknown_option_is_one_sentence_and_no_traceback():
    command = [sys.executable, "-m", "workbench", "listings", "--chekc"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True)

    assert done.returncode == 2
    assert done.stderr == (
        "make listings: unrecognized arguments: --chekc; accepted is --check, or nothing.\n"
    )
