"""What `make serve` runs, for tests that want to talk to it, or to look into its log."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from workbench.environment import ROOT
from workbench.sandbox.server import HOST, listen
from workbench.serve import PREFIX

SERVE = "import sys; from workbench.serve import main; sys.exit(main(sys.argv[1:]))"
PATIENCE = 30


@dataclass
class Served:
    """A shop that is served, and what it has logged."""

    url: str
    port: int
    master: "subprocess.Popen[bytes]"
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text("utf-8")

    def workers(self) -> list[int]:
        """Return the processes that were ever started, the oldest first."""
        return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", self.log)]

    def get(self, path: str, **options: object) -> int:
        """Return the status of a page."""
        return requests.get(self.url + path, timeout=PATIENCE, **options).status_code  # type: ignore[arg-type]

    def send(self, request: bytes) -> bytes:
        """Send what may be no HTTP; return the first line of the answer."""
        with socket.create_connection((HOST, self.port), timeout=PATIENCE) as connection:
            connection.sendall(request)
            return connection.recv(1000).partition(b"\r\n")[0]


def complete_settings(database: Path) -> dict[str, str]:
    """Return all settings that are needed, and a database in a file."""
    values = {
        "SECRET_KEY": "key-of-the-cookies",
        "SITE_URL": "http://127.0.0.1",
        "PAYMENTS_URL": "http://127.0.0.1:9",
        "PAYMENTS_API_KEY": "key-of-the-gateway",
        "PAYMENTS_WEBHOOK_SECRET": "key-of-the-webhooks",
        "MAIL_HOST": HOST,
        "MAIL_PORT": "9",
        "MAIL_SENDER": "shop@example.org",
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{database}",
    }
    return {PREFIX + key: value for key, value in values.items()}


@contextmanager
def serving(
    settings: Mapping[str, str], folder: Path, app: str = "after_service_layer"
) -> Iterator[Served]:
    """Run what `make serve` runs, with two processes, until the block ends."""
    with listen() as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVE, "--workers=2", f"--bind={HOST}:{port}", f"--app={app}"]
    log_file = folder / "log"
    with (
        log_file.open("wb") as log,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
            stderr=log,
            start_new_session=True,
        ) as master,
    ):
        served = Served(f"http://{HOST}:{port}", port, master, log_file)
        try:
            name = urlsplit(settings[f"{PREFIX}SITE_URL"]).netloc
            wait_for(lambda: answers(served, name) and len(served.workers()) == 2)
            yield served
        finally:
            master.terminate()
            try:
                master.wait(PATIENCE)
            finally:
                master.kill()


def answers(served: Served, name: str) -> bool:
    """Whether the shop of this name is there already."""
    assert served.master.poll() is None, served.log
    try:
        return served.get("/healthz", headers={"Host": name}) == 200
    except requests.ConnectionError:
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
