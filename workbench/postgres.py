"""A PostgreSQL server of our own: started when it is needed, and removed completely afterwards."""

from __future__ import annotations

import glob
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import quote

from sqlalchemy import create_engine, make_url, text

from workbench.environment import Problem, run_quietly

USER = "box_office"
# Where packagers put the programs when they keep them off the PATH: Debian and Ubuntu, the
# project's own packages for Fedora, Homebrew on both kinds of Mac.
PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
# Letters have the same order on every machine, and all of them have an upper and a lower case.
LOCALE = ("--locale=C", f"--lc-ctype={'en_US' if sys.platform == 'darwin' else 'C'}.UTF-8")
# The system keeps the path of a socket in about a hundred bytes.
LONGEST_SOCKET = 100
# It is made for one run: nothing needs to survive a loss of power. On a socket and on no port,
# so that it disturbs no other server, and no other user can reach it.
OPTIONS = ("listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off")


@contextmanager
def running_postgres() -> Iterator[str]:
    """Run a server until the block ends; yield the address of its empty database.

    All of it is in a temporary folder, which is removed at the end, also after Ctrl-C and
    SIGTERM. Raises Problem where PostgreSQL is not installed or does not start. To be called
    from the main thread, as signals are.
    """
    programs = find_programs()
    # As root it runs as another user: PostgreSQL refuses to run as root.
    become = _unprivileged_user() if os.geteuid() == 0 else ()
    with _ended_by_sigterm():
        folder = _short_folder()
        server = [*become, str(programs / "pg_ctl"), "-D", str(folder / "data"), "-s"]
        try:
            if become:
                shutil.chown(folder, "postgres")
            initdb = [*become, str(programs / "initdb"), "-D", str(folder / "data"), "--no-sync"]
            # Every user who reaches the socket may log in: no other user can open the folder.
            _call([*initdb, "-U", USER, "-A", "trust", "-E", "UTF8", *LOCALE], folder)
            log = str(folder / "log")
            _call([*server, "-w", "-l", log, "-o", _options(folder), "start"], folder)
            yield f"postgresql+psycopg://{USER}@/postgres?host={quote(str(folder))}"
        finally:
            with _undisturbed():
                # It has nothing to keep, so it need not write anything down first.
                run_quietly([*server, "-m", "immediate", "stop"])
                shutil.rmtree(folder, ignore_errors=True)


def create_databases(server: str, names: Collection[str]) -> dict[str, str]:
    """Make an empty database for each name; return their addresses. `server` is that of one."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in names:
            connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    url = make_url(server)
    return {name: url.set(database=name).render_as_string(hide_password=False) for name in names}


def find_programs() -> Path:
    """Return the folder of the server's programs: those of the PATH, else the newest.

    Raises Problem, which says what to install, where there are none.
    """
    if sys.platform == "win32":
        raise Problem("The tests on PostgreSQL do not run on Windows: run them in WSL.")
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    found = [
        Path(folder)
        for pattern in PLACES
        for folder in glob.glob(pattern)
        if Path(folder, "initdb").exists()
    ]
    if not found:
        raise Problem(
            "PostgreSQL is not installed: run `sudo apt install postgresql` on Debian and Ubuntu,"
            " `sudo dnf install postgresql-server` on Fedora, or `brew install postgresql@17` on"
            " macOS, and try again."
        )
    return max(found, key=lambda folder: [int(n) for n in re.findall(r"\d+", str(folder))])


def _unprivileged_user() -> Sequence[str]:
    if not shutil.which("runuser"):
        raise Problem("PostgreSQL refuses to be run by root: try again as another user.")
    return ("runuser", "-u", "postgres", "--")


def _short_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="box-office-"))
    if len(os.fsencode(folder / ".s.PGSQL.5432.lock")) > LONGEST_SOCKET:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="box-office-", dir="/tmp"))
    return folder


def _options(folder: Path) -> str:
    settings = (*OPTIONS, f"unix_socket_directories={folder}")
    return " ".join(f"-c {shlex.quote(setting)}" for setting in settings)


def _call(command: Sequence[str], folder: Path) -> None:
    # In a folder that the other user may read.
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        log = folder / "log"
        said = log.read_text(errors="replace") if log.exists() else done.stderr
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        raise Problem(f"PostgreSQL does not start: {lines[-1] if lines else 'it gives no reason'}")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does: with all that has to be tidied up."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore a second Ctrl-C until the block ends."""
    before = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
