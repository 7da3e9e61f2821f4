"""`lint`: style, types, the direction of imports, and whether the pages show what is there."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from workbench.arguments import refuse_arguments

CHECKS = {
    "Style": ("ruff", "check", "--quiet", "."),
    "Format": ("ruff", "format", "--quiet", "--check", "."),
    "Types": ("mypy",),
    "Imports": ("lint-imports", "--no-logo", "--cache-dir", "build/cache/imports"),
    "Listings": ("python", "-m", "workbench", "listings", "--check"),
}


def main(argv: Sequence[str]) -> int:
    """Run every check, even after one has failed; 1 when any has. Raises Problem for arguments."""
    refuse_arguments("lint", argv)
    scripts = Path(sys.executable).parent
    failed = []
    for name, (program, *options) in CHECKS.items():
        print(f"{name}: {program}", flush=True)
        if subprocess.run([scripts / program, *options]).returncode != 0:
            failed.append(name.lower())
    print(f"Not in order: {', '.join(failed)}." if failed else "All in order.")
    return 1 if failed else 0
