#!/usr/bin/env python3
"""Every command as the first one in a fresh clone: it installs all that it needs, and works.

Commands with the same layers share a clone of the last commit, which has nothing installed: what
the first of them installs is just what each of the others would have. Long commands do a small
part of their work. Only the standard library is used here, since nothing is installed yet.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from workbench.__main__ import VERBS  # noqa: E402 - it is found by the line above

PATIENCE = 600
LINES_SHOWN = 40
ANY_PORTS = [f"--{name}-port=0" for name in ("before", "after", "gateway", "mail", "smtp")]
# One test of each suite, and of the tests that compare the apps.
ONE_TEST = "-k healthz"
SETTINGS = {
    "SECRET_KEY": "only for this test",
    "SITE_URL": "http://127.0.0.1",
    "PAYMENTS_URL": "http://127.0.0.1:9",
    "PAYMENTS_API_KEY": "key",
    "PAYMENTS_WEBHOOK_SECRET": "secret",
    "MAIL_HOST": "127.0.0.1",
    "MAIL_PORT": "9",
    "MAIL_SENDER": "shop@example.org",
}


class Failed(Exception):
    """A command failed; the text is its output."""


def make(verb: str, arguments: str = "") -> Callable[[Path], None]:
    """Return a function that calls `make` in a clone, and raises Failed when that fails."""

    def call(clone: Path) -> None:
        command = ["make", verb, f"ARGS={arguments}", f"PYTHON={sys.executable}"]
        done = subprocess.run(
            command,
            cwd=clone,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        if done.returncode != 0:
            raise Failed(done.stdout)

    return call


def run_and_jobs(clone: Path) -> None:
    """Start both apps, ask for their health checks, run a job, and end them."""
    with started(clone, ["run", *ANY_PORTS, "--social-port=0"], {}) as shops:
        assert shops.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = shops.stdout.readline()
            said += line
            if not line:
                raise Failed(said)
        for address in re.findall(r"^(?:before|after) +(\S+)", said, re.MULTILINE):
            ask(f"{address}/healthz")
        make("jobs", "expire")(clone)
        end(shops)


def serve(clone: Path) -> None:
    """Start one app as in production, ask for its health check, and end it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        bind = f"127.0.0.1:{free.getsockname()[1]}"
    database = f"sqlite:///{clone}/build/shop.sqlite"
    settings = {**SETTINGS, "SQLALCHEMY_DATABASE_URI": database}
    environ = {f"BOX_OFFICE_{key}": value for key, value in settings.items()}
    with started(clone, ["serve", "--workers=1", f"--bind={bind}"], environ) as shop:
        ask(f"http://{bind}/healthz")
        end(shop)


@contextmanager
def started(
    clone: Path, arguments: list[str], environ: Mapping[str, str]
) -> "Iterator[subprocess.Popen[str]]":
    """Start a command, and end it when the block ends, also after an error."""
    with subprocess.Popen(
        [sys.executable, "-m", "workbench", *arguments],
        cwd=clone,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def ask(address: str) -> None:
    """Wait until this page is there. Raises Failed when that takes too long."""
    give_up_at = time.monotonic() + PATIENCE
    while time.monotonic() < give_up_at:
        try:
            # It is on this machine: HTTP_PROXY is not for it.
            build_opener(ProxyHandler({})).open(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise Failed(f"{address} does not answer.")


def end(process: "subprocess.Popen[str]") -> None:
    """End a command as Ctrl-C does. Raises Failed where it does not end well."""
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    if process.returncode != 0:
        raise Failed(said)


# What a command does here: real work, but short. Of any other, the help is shown:
# this also proves that everything it imports is installed.
LIGHT = {
    "test": make("test", ONE_TEST),
    "test-equal": make("test-equal", ONE_TEST),
    "test-postgres": make("test-postgres", ONE_TEST),
    "compare": make(
        "compare",
        "--before before_mvt:tests/before/test_pricing.py"
        " --after after_service_layer:tests/after/services/test_pricing.py",
    ),
    "run": run_and_jobs,
    "serve": serve,
    "coverage": make("coverage", ONE_TEST),
    "docs": make("docs"),
    "prove": make("prove", "--requests 100"),
    "lint": make("lint"),
    "browser": make("browser", "-k test_list_of_errors_links"),
}


def main() -> int:
    """Run everything; print a line for each command, and the output of one that fails."""
    failed = []
    # Those without layers install nothing of their own.
    for layers in sorted({verb.layers for verb in VERBS.values() if verb.layers}):
        verbs = [name for name in VERBS if VERBS[name].layers == layers]
        with tempfile.TemporaryDirectory(prefix="first-") as folder:
            clone = Path(folder, "clone")
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
            print(f"A fresh clone, and {', '.join(layers)}:", flush=True)
            failed += [name for name in verbs if not passes(name, clone)]
    print(f"Failed: {', '.join(failed)}." if failed else "Every command works in a fresh clone.")
    return 1 if failed else 0


def passes(name: str, clone: Path) -> bool:
    """Run a command in a clone, and report how that went."""
    begin = time.monotonic()
    try:
        LIGHT.get(name, make(name, "--help"))(clone)
    except (Failed, subprocess.TimeoutExpired) as error:
        said = str(error).splitlines()
        print("\n".join([f"  {name} fails:", *said[-LINES_SHOWN:]]), flush=True)
        return False
    print(f"  {name:<14}{time.monotonic() - begin:6.1f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
