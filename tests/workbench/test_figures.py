import json
import subprocess

import pytest

from workbench import figure_tables, figures
from workbench.environment import Problem

MEDIAN = {
    "calls": 1000,
    "setup_calls": 700,
    "shared_calls": 690,
    "body_calls": 200,
    "teardown_calls": 100,
    "body_sql": 3,
    "body_app_requests": 1,
    "fixtures": 7,
    "fixture_depth": 4,
    "assertions": 2,
}
SIDE = {
    "total": {"tests": 4},
    "alone": {"tests": 1},
    "median_test": MEDIAN,
    "no_setup": {"tests": 1, "of": 3, "percent": 33.3},
    "test_code": {"lines": 80},
    "coverage": {"total": {"lines_percent": 98.5, "branches_percent": None}},
    "code": {
        "total": {"lines": 500, "files": 5, "classes": 2, "functions": 30, "longest_function": 90}
    },
}
AFTER = {
    **SIDE,
    "median_test": {**MEDIAN, "calls": 500},
    "no_setup": {"tests": 2, "of": 3, "percent": 66.7},
    "code": {"total": {**SIDE["code"]["total"], "lines": 750}},
}
CONTROL = {"tests": 12, "holds": True, "off": [], "other_code": None}


def group(name, before, after):
    sides = {"before": before, "after": after}
    return {"id": name, **{side: {"median": {"calls": calls}} for side, calls in sides.items()}}


def worse(kind, label, unit, *cases):
    found = [{"id": name, "before": before, "after": after} for name, before, after in cases]
    counts = {"looked_at": 7, "worse_count": len(found)}
    return {"kind": kind, "label": label, "unit": unit, **counts, "worse": found}


RESULT = {
    "python": f"{figures.python_version()}.99",
    "figures": {
        "suites": {"before": SIDE, "after": AFTER},
        "per_test": {
            "fewer": 5,
            "same": 1,
            "more": 2,
            "largest_losses": [{"id": "login.ok", "before": 10, "after": 30}],
        },
        "groups": [group("price", 900, 90), group("login", 10, 30)],
        "without_one_group": {"id": "price", "before": 800, "after": 600},
        "control": CONTROL,
        "worse": [
            worse("The median test", "body", "framework calls"),
            worse(
                "A behaviour's median test",
                "body",
                "framework calls",
                ("login.ok", 1000, 1300),
                ("site.about", 20, 21),
            ),
            worse("Code of the package", "files", "number", ("total", 32, 57)),
        ],
    },
}
README = """# Shop
<!-- generated: readme -->
old
<!-- /generated -->
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose comparison gives RESULT at once."""
    monkeypatch.setattr(figures, "test_output", lambda: "two lines\n")
    monkeypatch.setattr(figures.compare, "main", lambda argv: write_result())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(figures, "failure_points", lambda: "where it can fail\n")
    (tmp_path / "README.md").write_text(README, encoding="utf-8")

    def write_result():
        figures.OUT.mkdir(parents=True, exist_ok=True)
        (figures.OUT / "comparison.json").write_text(json.dumps(RESULT), encoding="utf-8")
        return 0

    return tmp_path


def test_what_was_measured_is_written_into_the_pages_too(project):
    assert figures.main([]) == 0
    readme = (project / "README.md").read_text("utf-8")
    assert "| the median test, framework calls | 1,000 | 500 | × 0.50 |" in readme
    cells = "33 % (1 of 3) | 67 % (2 of 3) | × 2.00"
    assert f"| tests without a framework call in their set-up | {cells} |" in readme
    assert "\nold\n" not in readme


def test_the_readme_has_five_figures_and_the_verdict_of_the_control(project):
    figures.main([])
    readme = (project / "README.md").read_text("utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("|")]
    assert len(rows) == len(figure_tables.HEAD) + 5
    assert "| behaviours whose median test is the cheaper one | 2 | 5 | as many in 1 |" in rows
    assert "The control holds: 12 tests are the same in both suites." in readme


def test_the_docs_have_the_losses_a_part_and_the_whole_without_one(project):
    figures.main([])
    summary = (project / "docs/_generated/summary.md").read_text("utf-8")
    assert "| the pricing alone (`price.*`) | 900 | 90 | × 0.10 |" in summary
    assert "| all but `price.*`, where *after* gains most | 800 | 600 | × 0.75 |" in summary
    assert "| largest losses: `login.ok` | 10 | 30 | × 3.00 |" in summary
    assert "The control holds" in summary


def test_a_group_that_the_docs_show_must_be_there():
    gone = {**RESULT["figures"], "groups": []}
    with pytest.raises(Problem, match=r"no behaviours price\.\*, which the docs show"):
        figure_tables.summary(gone)


def test_what_is_worse_is_shown_by_its_largest_case_and_listed_in_full(project):
    figures.main([])
    table = (project / "docs/_generated/worse.md").read_text("utf-8")
    case = "`login.ok` | 1,000 | 1,300 |"
    assert f"| a behaviour's median test | body, framework calls | 2 of 7 | {case}" in table
    assert "| the median test |" not in table
    whole = (project / "docs/_generated/worse_all.md").read_text("utf-8")
    listed = "worse in 2 of 7: `login.ok` 1,000 → 1,300; `site.about` 20 → 21."
    assert f"- **body, framework calls**, {listed}" in whole
    assert "- **files**, worse in 1 of 7: `total` 32 → 57." in whole
    assert "- **body, framework calls**, worse in 0 of 7." in whole


@pytest.mark.parametrize("arguments", [[], ["--check"]])
@pytest.mark.parametrize(("tests", "verdict"), [(12, "does not hold"), (0, "There is no control")])
def test_without_a_control_that_holds_it_fails_but_publishes_the_verdict(
    project, monkeypatch, capsys, arguments, tests, verdict
):
    off = {"tests": tests, "holds": False, "off": ["test_it"], "other_code": None}
    monkeypatch.setitem(RESULT["figures"], "control", off)
    figures.main([])
    assert verdict in (project / "README.md").read_text("utf-8")
    capsys.readouterr()
    assert figures.main(arguments) == 1
    said = capsys.readouterr().out
    assert verdict in said
    assert "Stale" not in said


def test_the_check_passes_on_what_was_just_written(project):
    figures.main([])
    assert figures.main(["--check"]) == 0


def test_the_check_finds_a_figure_that_is_stale_and_writes_nothing(project, capsys):
    figures.main([])
    stale = (project / figures.README).read_text("utf-8").replace("| 1,000 |", "| 1,001 |")
    (project / figures.README).write_text(stale, encoding="utf-8")
    assert figures.main(["--check"]) == 1
    row = "+| the median test, framework calls | 1,000 | 500 | × 0.50 |"
    assert row in capsys.readouterr().out
    assert (project / figures.README).read_text("utf-8") == stale


def test_figures_of_another_python_are_not_checked(project):
    figures.main([])
    (project / figures.README).write_text("measured with Python 3.2;", encoding="utf-8")
    with pytest.raises(Problem, match=r"Python 3\.2, and this is"):
        figures.main(["--check"])


def test_the_exit_code_of_a_red_suite_is_passed_on(project, monkeypatch):
    monkeypatch.setattr(figures.compare, "main", lambda argv: 1)
    assert figures.main([]) == 1


def test_an_unknown_option_is_said_in_one_sentence():
    with pytest.raises(Problem, match="accepted is --check"):
        figures.main(["--chekc"])


def test_the_times_in_the_output_of_the_tests_are_left_out(monkeypatch):
    said = "dots\n\n     tests   time\na  1 passed  12.3 s  1.5 ms\n\nwhat it means\n"
    done = subprocess.CompletedProcess([], 0, stdout=said)
    monkeypatch.setattr(figures.subprocess, "run", lambda *_args, **_kwargs: done)
    assert figures.test_output() == (
        "```text\n     tests   time\na  1 passed     … s    … ms\n```\n"
    )
