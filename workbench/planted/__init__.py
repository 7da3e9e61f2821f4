"""`make planted`: makes a mistake on purpose, and shows which net finds it.

Each planted change of `tests/planted.toml` is made in a copy of the repository of its own. Then
every net runs there, also when an earlier one has found the change. A change that nothing finds
is a gap in the tests.
"""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from workbench.arguments import Parser
from workbench.environment import ROOT, Problem
from workbench.planted.changes import Change, chosen, misfits, plant, read_changes
from workbench.planted.nets import Outcome, Runner, all_nets, nets_for
from workbench.planted.table import TABLE, Found, is_found, write_table

# Each change keeps about one core busy.
AT_ONCE = 2


def main(argv: Sequence[str]) -> int:
    """Plant changes one by one; 1 when something finds nothing, or finds what is not there.

    Writes the table only when all changes were planted. Raises Problem for wrong arguments, and
    when a net cannot be run.
    """
    changes, is_whole_list = read_arguments(argv)
    if sentences := misfits(changes, ROOT):
        raise Problem("\n".join(sentences))
    # As Ctrl-C does: the nets that are running are stopped, and the copies removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    runner = Runner()
    print("The unchanged apps first: no net may find anything.", flush=True)
    if finders := control(runner):
        print(f"Nothing was planted, and all the same {', '.join(finders)} found something.")
        return 1
    found = plant_all(changes, runner)
    missed = [change for change in found if not is_found(found[change])]
    if is_whole_list:
        write_table(found)
        print(f"Wrote {TABLE}.")
    return report(found, missed)


def read_arguments(argv: Sequence[str]) -> tuple[list[Change], bool]:
    """Return the changes to plant, and whether these are all there are. Raises Problem."""
    parser = Parser(
        "make planted: {}; accepted are ids of planted changes, or --sample K with or without"
        " --seed S, or nothing.",
        prog="python3 -m workbench planted",
        allow_abbrev=False,
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="plant only these")
    parser.add_argument("--sample", type=int, metavar="K", help="plant K changes by chance")
    parser.add_argument("--seed", type=int, metavar="S", help="draw the same sample again")
    wanted = parser.parse_args(argv)
    changes = read_changes()
    if wanted.sample is None and wanted.seed is None:
        return chosen(changes, wanted.ids), not wanted.ids
    if wanted.sample is None or wanted.ids:
        parser.error("--sample and --seed draw from all changes")
    if not 1 <= wanted.sample <= len(changes):
        parser.error(f"--sample {wanted.sample} is not from 1 to {len(changes)}")
    seed = random.randrange(10**6) if wanted.seed is None else wanted.seed
    print(f"Drawn by chance; the same again: --sample {wanted.sample} --seed {seed}", flush=True)
    return random.Random(seed).sample(changes, wanted.sample), False


def control(runner: Runner) -> list[str]:
    """Return the nets that find something in the unchanged repository: there must be none."""
    with copied_tree() as root, ThreadPoolExecutor(AT_ONCE) as pool, stopping(runner):
        outcomes = pool.map(lambda net: (net.name, runner.run(net, root)), all_nets())
        return [name for name, outcome in outcomes if outcome.found]


def plant_all(changes: Sequence[Change], runner: Runner) -> Found:
    """Return the result of each net for each change, with a line printed for each."""
    outcomes: dict[Change, dict[str, Outcome]] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool, stopping(runner):
        started = time.monotonic()
        futures = {pool.submit(try_nets, change, runner): change for change in changes}
        for number, future in enumerate(as_completed(futures), start=1):
            change = futures[future]
            outcomes[change] = future.result()
            said = ", ".join(f"{name} {outcome}" for name, outcome in outcomes[change].items())
            minutes, seconds = divmod(round(time.monotonic() - started), 60)
            print(
                f"[{number}/{len(changes)}] {minutes}:{seconds:02} {change.id}, {change.app}:"
                f" {said}",
                flush=True,
            )
    return {change: outcomes[change] for change in changes}


def try_nets(change: Change, runner: Runner) -> dict[str, Outcome]:
    """Return what each net for the app says when this change is planted."""
    with copied_tree() as root:
        plant(change, root)
        return {net.name: runner.run(net, root) for net in nets_for(change.app)}


def report(found: Found, missed: Sequence[Change]) -> int:
    """Print what was missed; 1 when something is missed, or explained, that should not be."""
    unexplained = [change for change in missed if not change.why_not_found]
    for change in unexplained:
        print(f"Found by nothing: {change.id} ({change.app}). {change.wrong}")
    explained = [change for change in found if change.why_not_found and change not in missed]
    for change in explained:
        print(f"Found after all: {change.id} needs no `why_not_found` any more.")
    print(f"{len(found) - len(missed)} of {len(found)} planted changes were found.")
    return 1 if unexplained or explained else 0


@contextmanager
def stopping(runner: Runner) -> Iterator[None]:
    """Let no net go on when the block ends early, as with Ctrl-C."""
    try:
        yield
    except BaseException:
        runner.stop()
        raise


@contextmanager
def copied_tree() -> Iterator[Path]:
    """Yield a copy of what git keeps, or would keep, of this repository."""
    with TemporaryDirectory(prefix="planted-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve()
        for file in tracked_files():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, root / file)
        yield root


def tracked_files() -> list[str]:
    """Return all files that git does not ignore. Raises Problem where there is no git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Problem(
            f"make planted needs git, and a clone of the repository: {error}."
        ) from error
    files = done.stdout.decode().split("\0")
    return [file for file in files if (ROOT / file).is_file()]
