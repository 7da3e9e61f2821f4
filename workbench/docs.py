"""`docs`: builds the documentation from docs/, and runs the code on its pages.

A warning is an error, and so is code that does not do what its page says.
"""

import doctest
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sphinx.cmd.build import build_main

from workbench.arguments import refuse_arguments
from workbench.environment import Problem
from workbench.listings import without

SOURCE = Path("docs")
OUT = Path("build/docs")
CACHE = Path("build/cache/docs")

# Only code that is written on the page: a listing is run by the tests of its file.
EXAMPLE = re.compile(r"^```(python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A long line may be broken on the page.
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def main(argv: Sequence[str]) -> int:
    """Build the site into build/docs. Raises Problem for arguments: it takes none."""
    refuse_arguments("docs", argv)
    if not (SOURCE / "conf.py").is_file():
        raise Problem("docs/conf.py is missing: this checkout is not complete.")
    options = ["--quiet", "--fail-on-warning", "--doctree-dir", str(CACHE)]
    exit_code = build_main([*options, str(SOURCE), str(OUT)])
    if exit_code:
        return exit_code
    failed = [page for page in sorted(SOURCE.glob("*.md")) if not examples_hold(page)]
    if failed:
        pages = ", ".join(map(str, failed))
        print(f"The code on {pages} does not do what the page says.", file=sys.stderr)
        return 1
    print(f"The documentation is in {OUT / 'index.html'}")
    return 0


def examples_hold(page: Path) -> bool:
    """Run the code of a page from top to bottom; print what does not do what the page says."""
    names: dict[str, Any] = {"__name__": page.stem}
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for line, language, code in examples(page.read_text(encoding="utf-8")):
        if language == "pycon":
            test = doctest.DocTestParser().get_doctest(code, {}, page.stem, str(page), line)
            # What one example has made is there for the next.
            test.globs = names
            runner.run(test, out=sys.stderr.write, clear_globs=False)
            continue
        try:
            exec(compile("\n" * line + code, page, "exec"), names)
        except Exception:
            print(f"Failed example in {page}:\n{traceback.format_exc()}", file=sys.stderr)
            return False
    return runner.failures == 0


def examples(text: str) -> Iterator[tuple[int, str, str]]:
    """Each example of a page: how many lines are above it, its language, its code."""
    text = without(text)
    for found in EXAMPLE.finditer(text):
        yield text.count("\n", 0, found.start(2)), found[1], found[2]
