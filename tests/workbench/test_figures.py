import json

import pytest

from workbench import figures
from workbench.environment import Problem

SIDE = {
    "total": {
        "tests": 4,
        "setup_calls": 1000,
        "body_calls": 200,
        "shared_calls": 900,
        "body_sql": 3,
        "body_app_requests": 4,
        "assertions": 9,
    },
    "alone": {"tests": 1, "body_calls": 20},
    "median_test": {"body_calls": 50},
    "test_code": {"lines": 80},
    "coverage": {"total": {"lines_percent": 98.5, "branches_percent": None}},
    "code": {
        "total": {"lines": 500, "files": 5, "classes": 2, "functions": 30, "longest_function": 90}
    },
}
RESULT = {
    "python": f"{figures.python_version()}.99",
    "figures": {
        "suites": {"before": SIDE, "after": {**SIDE, "total": {**SIDE["total"], "tests": 6}}},
        "worse": [
            {
                "kind": "All tests together",
                "label": "tests",
                "unit": "number",
                "looked_at": 7,
                "worse": [{"id": "all tests", "before": 4, "after": 6}],
            }
        ],
    },
}
README = """# Shop
<!-- generated: side-by-side -->
<!-- /generated -->
between
<!-- generated: figures -->
old
<!-- /generated -->
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose comparison gives RESULT at once."""
    monkeypatch.setattr(figures, "side_by_side", lambda: "two columns\n")
    monkeypatch.setattr(figures.compare, "main", lambda argv: write_result())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text(README, encoding="utf-8")

    def write_result():
        figures.OUT.mkdir(parents=True, exist_ok=True)
        (figures.OUT / "comparison.json").write_text(json.dumps(RESULT), encoding="utf-8")
        return 0

    return tmp_path


def test_what_was_measured_is_written_between_the_markers(project):
    assert figures.main([]) == 0
    readme = (project / "README.md").read_text("utf-8")
    assert "| tests | 4 | 6 | × 1.50 |" in readme
    assert "two columns\n<!-- /generated -->\nbetween\n" in readme
    assert "old" not in readme


def test_what_is_worse_is_listed_with_how_much_was_looked_at(project):
    figures.main([])
    worse = (project / "docs/_generated/worse.md").read_text("utf-8")
    assert "- **All tests together** (1): all tests: tests 4 → 6." in worse
    assert "That is 1 of the 7 figures compared." in worse


def test_the_check_passes_on_what_was_just_written(project):
    figures.main([])
    assert figures.main(["--check"]) == 0


def test_the_check_finds_a_figure_that_is_stale_and_writes_nothing(project, capsys):
    figures.main([])
    stale = (project / "README.md").read_text("utf-8").replace("| 4 | 6 |", "| 4 | 5 |")
    (project / "README.md").write_text(stale, encoding="utf-8")
    assert figures.main(["--check"]) == 1
    assert "+| tests | 4 | 6 | × 1.50 |" in capsys.readouterr().out
    assert (project / "README.md").read_text("utf-8") == stale


def test_figures_of_another_python_are_not_checked(project):
    (project / "README.md").write_text(README + "measured with Python 3.2;", encoding="utf-8")
    with pytest.raises(Problem, match=r"Python 3\.2, and this is"):
        figures.main(["--check"])


def test_a_missing_marker_is_named(project):
    (project / "README.md").write_text("# Shop\n", encoding="utf-8")
    with pytest.raises(Problem, match="generated: side-by-side"):
        figures.main([])


def test_the_exit_code_of_a_red_suite_is_passed_on(project, monkeypatch):
    monkeypatch.setattr(figures.compare, "main", lambda argv: 1)
    assert figures.main([]) == 1


def test_an_unknown_option_is_said_in_one_sentence():
    with pytest.raises(Problem, match="accepted is --check"):
        figures.main(["--chekc"])


def test_a_listing_is_the_function_with_its_decorators(tmp_path):
    file = tmp_path / "views.py"
    file.write_text("class A:\n    @b\n    def c(self):\n        return 1\n\n    x = 2\n")
    assert figures.listing(str(file), "A.c") == "```python\n@b\ndef c(self):\n    return 1\n```\n"


def test_a_listing_of_what_is_gone_names_file_and_function(tmp_path):
    file = tmp_path / "views.py"
    file.write_text("x = 1\n")
    with pytest.raises(Problem, match=r"views\.py has no cancel"):
        figures.listing(str(file), "cancel")
