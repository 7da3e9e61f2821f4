"""`docs`: builds the documentation from docs/; a warning is an error."""

from collections.abc import Sequence
from pathlib import Path

from sphinx.cmd.build import build_main

from workbench.environment import Problem

SOURCE = Path("docs")
OUT = Path("build/docs")


def main(argv: Sequence[str]) -> int:
    """Build the site into build/docs. Arguments go to sphinx-build."""
    if not (SOURCE / "conf.py").is_file():
        raise Problem("docs/conf.py is missing: this checkout is not complete.")
    options = ["--quiet", "--fail-on-warning", "--doctree-dir", "build/cache/docs"]
    exit_code = build_main([*options, *argv, str(SOURCE), str(OUT)])
    if exit_code == 0:
        print(f"The documentation is in {OUT / 'index.html'}")
    return exit_code
