"""`make run`: everything starts together, works together, and ends together."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from workbench.environment import ROOT, Problem
from workbench.run import (
    ORGANISER,
    PACKAGES,
    PASSWORD,
    PORTS,
    Stack,
    fresh_file,
    listening,
    read_ports,
    running_stack,
    stop_on_signals,
)
from workbench.sandbox.server import HOST, listen

ANY_PORTS = dict.fromkeys(PORTS, 0)
RUN = "import sys; from workbench.run import main; sys.exit(main(sys.argv[1:]))"


def start_make_run(folder: Path) -> subprocess.Popen[str]:
    """Start what `make run` starts, on free ports, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *(f"--{name}-port=0" for name in PORTS)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HTTP_PROXY": "http://127.0.0.1:9"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def read_greeting(process: subprocess.Popen[str]) -> str:
    """Wait until all has started, and return what was printed."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    return "".join(lines)


def test_ctrl_c_ends_everything_quietly(tmp_path: Path) -> None:
    with start_make_run(tmp_path) as process:
        try:
            greeting = read_greeting(process)
            addresses = re.findall(r"http://\S+", greeting)
            answers = [requests.get(address, timeout=5) for address in addresses]
            order = buy(addresses[0])
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=5)
        finally:
            process.kill()

    assert (process.returncode, rest, errors) == (0, "", "")
    assert [answer.status_code for answer in answers] == [200] * 4
    # Paid, although HTTP_PROXY leads nowhere.
    assert "Your tickets" in order.text
    assert ORGANISER in greeting and PASSWORD in greeting and "tok_visa" in greeting
    # The process was the first of a group: the group is gone too.
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_ask_for_the_end(number: signal.Signals) -> None:
    handlers = {known: signal.getsignal(known) for known in (signal.SIGINT, signal.SIGTERM)}
    try:
        stop = stop_on_signals()
        signal.raise_signal(number)
    finally:
        for known, handler in handlers.items():
            signal.signal(known, handler)

    assert stop.is_set()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with (
        pytest.MonkeyPatch.context() as patch,
        listening(ANY_PORTS) as listeners,
        running_stack(listeners, tmp_path_factory.mktemp("run")) as running,
    ):
        patch.setenv("no_proxy", HOST)
        yield running


@pytest.fixture(params=list(PACKAGES))
def app_url(request: pytest.FixtureRequest, stack: Stack) -> str:
    url: str = getattr(stack, request.param)
    return url


def hidden_fields(page: str) -> dict[str, str]:
    inputs = re.findall(r'<input[^>]*type="hidden"[^>]*>', page)
    return {
        re.search(r'name="(.*?)"', field)[1]: re.search(r'value="(.*?)"', field)[1]  # type: ignore[index]
        for field in inputs
    }


def buy(app_url: str) -> requests.Response:
    """Buy a ticket for the first event that sells any, and return the page that answers."""
    with requests.Session() as browser:
        season = browser.get(app_url, timeout=5).text
        for path in re.findall(r'href="(/events/[a-z0-9-]+)"', season):
            page = browser.get(app_url + path, timeout=5).text
            if 'name="card_token"' in page:
                break
        else:
            pytest.fail(f"no event at {app_url} sells tickets")
        form = {"name": "Ada", "email": "ada@example.org", "quantity": 1, "card_token": "tok_visa"}
        return browser.post(
            f"{app_url}{path}/checkout", data={**hidden_fields(page), **form}, timeout=5
        )


def test_ticket_can_be_bought_and_confirmation_arrives(app_url: str, stack: Stack) -> None:
    order = buy(app_url)

    assert order.status_code == 200
    reference = order.url.split("/")[-2]
    assert f"<td>{reference}-1</td>" in requests.get(stack.gateway, timeout=5).text
    mails = requests.get(f"{stack.mail}/mails.json", timeout=5).json()
    assert any(order.url in mail["text"] for mail in mails)


def test_organiser_can_log_in_to_both_apps_at_once(stack: Stack) -> None:
    with requests.Session() as browser:
        for app_url in (stack.before, stack.after):
            login = browser.get(f"{app_url}/login", timeout=5).text
            browser.post(
                f"{app_url}/login",
                data={**hidden_fields(login), "name": ORGANISER, "password": PASSWORD},
                timeout=5,
            )

        for app_url in (stack.before, stack.after):
            answer = browser.get(f"{app_url}/organiser", timeout=5)
            assert answer.url == f"{app_url}/organiser"


def test_taken_ports_are_named_before_anything_starts() -> None:
    with listen() as one, listen() as another:
        first, second = one.getsockname()[1], another.getsockname()[1]
        ports = {**ANY_PORTS, "before": first, "gateway": second}

        with pytest.raises(Problem) as problem, listening(ports):
            pytest.fail("a port was given away twice")

    for expected in (str(first), str(second), "--before-port ", "--gateway-port "):
        assert expected in str(problem.value)
    assert "--after-port" not in str(problem.value)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--before-port", "abc"], "--before-port: 'abc' is not a port"),
        (["--mail-port", "65536"], "0 to 65535"),
        (["--smtp-port=-1"], "'-1' is not a port"),
        (["--before-port"], "expected one argument"),
        (["--before-port", "5002"], "5002 is wanted by --before-port and --after-port"),
        (["--colour", "red"], "--colour red"),
    ],
)
def test_bad_options_get_one_sentence(argv: list[str], sentence: str) -> None:
    with pytest.raises(Problem) as problem:
        read_ports(argv)

    assert sentence in str(problem.value)
    assert "\n" not in str(problem.value)


def test_option_moves_one_port_only() -> None:
    assert read_ports(["--after-port", "6002"]) == {**PORTS, "after": 6002}


def test_database_of_the_last_run_is_removed(tmp_path: Path) -> None:
    for name in ("before-5001.sqlite", "before-5001.sqlite-wal", "before-6001.sqlite"):
        (tmp_path / name).touch()

    fresh_file(tmp_path, "before-5001.sqlite")

    assert [path.name for path in tmp_path.iterdir()] == ["before-6001.sqlite"]


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "build").touch()

    with pytest.raises(Problem, match="build"):
        fresh_file(tmp_path / "build" / "run", "before-5001.sqlite")
