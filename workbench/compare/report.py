"""Writes the reports: `comparison.json`, `comparison.md`, and `index.html` with the plot."""

import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from workbench.compare import metrics, plot, wording
from workbench.compare.worse import by_kind
from workbench.environment import Problem

Json = dict[str, Any]


def check_writable(out: Path) -> None:
    """Raise Problem when nothing can be written to this folder; better now than in a minute."""
    with told_as_problem(out), tempfile.TemporaryDirectory(dir=made(out)):
        pass


def write(result: Json, out: Path) -> None:
    """Write all reports: none takes the place of an old one before all are complete."""
    with told_as_problem(out):
        folder = Path(tempfile.mkdtemp(prefix=".new-", dir=made(out)))
        try:
            for name, text in pages(result).items():
                (folder / name).write_text(text, encoding="utf-8")
            for new in sorted(folder.iterdir()):
                os.replace(new, out / new.name)
        finally:
            shutil.rmtree(folder)


def pages(result: Json) -> dict[str, str]:
    """The name and the text of each report."""
    templates = Environment(
        loader=PackageLoader("workbench.compare"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"number": wording.number, "signed": wording.signed}
    rows = result["figures"]["behaviours"]
    facts = {
        **result,
        "metrics": metrics,
        "times": wording.times,
        "command": command(result),
        "plot_in_words": plot.summary(rows),
        "kinds": by_kind(result["figures"]["worse"]),
        "per_test": wording.per_test(result["figures"]["per_test"]),
        "shared": {
            side: wording.percent(suite["total"]["shared_calls"], suite["total"]["setup_calls"])
            for side, suite in result["figures"]["suites"].items()
        },
        "control": wording.control_verdict(result["figures"]["control"]),
        "other_code": wording.other_code(result["figures"]["control"]),
    }
    svg = plot.setup_plot(rows)
    return {
        "comparison.json": json.dumps(result, indent=1, sort_keys=True, ensure_ascii=False) + "\n",
        "comparison.md": templates.get_template("comparison.md").render(facts),
        "index.html": templates.get_template("index.html").render(facts, plot=svg),
    }


def command(result: Json) -> str:
    """What to type in order to see it all again."""
    words = ["python3 -m workbench compare"]
    for side in ("before", "after"):
        words.append(f"--{side} {result['compared'][side]}")
        if options := result["options"][side]:
            words.append(f"--{side}-args={shlex.quote(options)}")
    return " ".join(words)


def made(out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    return out


@contextmanager
def told_as_problem(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Problem(
            f"--out {out}: nothing can be written there ({error.strerror}); name a folder that"
            " can be made or written to."
        ) from error
