"""`docs`: builds the documentation from docs/, and runs the code on its pages.

A warning is an error, and so is code that does not do what its page says.
"""

from collections.abc import Sequence
from pathlib import Path

from sphinx.cmd.build import build_main

from workbench.arguments import refuse_arguments
from workbench.environment import Problem

SOURCE = Path("docs")
OUT = Path("build/docs")
CACHE = Path("build/cache/docs")


def main(argv: Sequence[str]) -> int:
    """Build the site into build/docs. Raises Problem for arguments: it takes none."""
    refuse_arguments("docs", argv)
    if not (SOURCE / "conf.py").is_file():
        raise Problem("docs/conf.py is missing: this checkout is not complete.")
    options = ["--quiet", "--fail-on-warning", "--doctree-dir", str(CACHE)]
    examples = ["--builder", "doctest", str(SOURCE), str(CACHE / "examples")]
    exit_code = build_main([*options, str(SOURCE), str(OUT)]) or build_main([*options, *examples])
    if exit_code == 0:
        print(f"The documentation is in {OUT / 'index.html'}")
    return exit_code
