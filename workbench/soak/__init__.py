"""`make soak`: both shops as in production, under load, while their processes are killed.

First come timed rounds, one shop after the other: they say how many requests a second each shop
answers, and whether its memory grows. Then both have visitors at once while workers are killed,
jobs run (some twice at once, some killed half way), holds and offers lapse, and the gateway and
the mail server fail at times. Afterwards the jobs finish what is half done, and the invariants
must hold.
"""

import argparse
import secrets
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from workbench.arguments import Parser
from workbench.postgres import create_databases, running_postgres
from workbench.run import PACKAGES, bypass_proxy
from workbench.soak.checks import check, finish
from workbench.soak.invariants import INVARIANTS
from workbench.soak.load import Load
from workbench.soak.report import describe_memory, describe_throughput, grows, table
from workbench.soak.shops import FOLDER, running_shop

SECONDS, WORKERS, CLIENTS = 240, 3, 6
LEAST_SECONDS, MOST_SECONDS = 10, 3600
# Each worker has four threads with a connection to the database; PostgreSQL allows a hundred.
MOST_WORKERS = 8
MOST_CLIENTS = 64
MOST_SEED = 10**9


def main(argv: Sequence[str]) -> int:
    """Soak both shops, and print a report; return 1 where an invariant does not hold, else 0.

    Raises Problem for wrong arguments, and where PostgreSQL or a shop does not start.
    """
    wanted = read_arguments(argv)
    bypass_proxy()
    with running_postgres() as server, ExitStack() as stack:
        _say(f"Starting both shops, seed {wanted.seed} ...")
        databases = create_databases(server, PACKAGES)
        shops = [
            stack.enter_context(
                running_shop(name, url, workers=wanted.workers, organisers=wanted.clients)
            )
            for name, url in databases.items()
        ]
        load = Load(shops, wanted.clients, wanted.seed)
        _say(f"Timing them in turns, for {wanted.seconds / 2:.0f} s ...")
        load.timed_rounds(wanted.seconds / 2)
        _say(f"Killing workers and running jobs under load, for {wanted.seconds / 2:.0f} s ...")
        load.run_disturbed(wanted.seconds / 2)
        _say("Letting the jobs finish, and checking what must hold ...")
        problems = look_after(load)
    print(report(load, wanted))
    return verdict(load, problems)


def read_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Return seconds, workers, clients and seed. Raises Problem for what is not accepted."""
    parser = Parser(
        "make soak: {}; accepted are --seconds, --workers, --clients and --seed.",
        prog="python3 -m workbench soak",
        allow_abbrev=False,
    )
    _add(parser, "--seconds", SECONDS, LEAST_SECONDS, MOST_SECONDS, "how long there is load")
    _add(parser, "--workers", WORKERS, 1, MOST_WORKERS, "processes of each shop")
    _add(parser, "--clients", CLIENTS, 1, MOST_CLIENTS, "visitors of each shop at once")
    fresh = secrets.randbelow(MOST_SEED)
    _add(parser, "--seed", fresh, 0, MOST_SEED, "the same one gives the same random choices")
    return parser.parse_args(argv)


def _add(parser: Parser, name: str, default: int, least: int, most: int, what: str) -> None:
    parser.add_argument(
        name,
        type=_whole_number(least, most),
        default=default,
        metavar="NUMBER",
        help=f"{what}: {least} to {most}, now {default}",
    )


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")

    return read


def look_after(load: Load) -> dict[str, list[str]]:
    """Let the jobs finish in both shops; return what is wrong then, by the name of the shop."""
    with load.threads(len(load.shops)) as pool:
        ends = {name: pool.submit(finish, shop, load.stop) for name, shop in load.shops.items()}
        unfinished = {name: end.result() for name, end in ends.items()}
    return {
        name: unfinished[name] + check(shop, load.visitors[name], load.disturbances[name])
        for name, shop in load.shops.items()
    }


def report(load: Load, wanted: argparse.Namespace) -> str:
    """Return what was done, and what was measured."""
    lines = [
        f"Each shop with {wanted.workers} workers and {wanted.clients} visitors at once,"
        f" {wanted.seconds} s, seed {wanted.seed}",
        "",
        "Requests, by what they were for, and their statuses",
        table(load.counts()),
        "",
        "Disturbances",
    ]
    for name, done in load.disturbances.items():
        lines.append(
            f"  {name:<8}{len(done.shop.kills)} workers killed, {done.jobs_run} jobs run,"
            f" {len(done.job_kills)} of them killed"
        )
    lines += [
        "",
        "Requests a second",
        describe_throughput(load.rates),
        "",
        "Memory of the workers",
    ]
    lines += [describe_memory(name, samples) for name, samples in load.memory.items()]
    return "\n".join(lines)


def verdict(load: Load, problems: dict[str, list[str]]) -> int:
    """Say what is wrong, or that nothing is; return the exit code."""
    for name, samples in load.memory.items():
        if grows(samples):
            problems[name].append("The memory of the workers grows.")
    wrong = [f"{name}: {sentence}" for name, found in problems.items() for sentence in found]
    if not wrong:
        print(f"\nAll {len(INVARIANTS)} invariants hold in both shops, and nothing else is wrong.")
        return 0
    sys.stdout.flush()
    print("\nThis is wrong:", *wrong, sep="\n  ", file=sys.stderr)
    print(f"The logs of the shops are in {FOLDER}.", file=sys.stderr)
    return 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
