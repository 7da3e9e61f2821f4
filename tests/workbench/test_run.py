"""`make run`: everything starts together, works together, and ends together."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import requests

from after_service_layer.wiring import default_services
from workbench.environment import ROOT, Problem
from workbench.run import (
    JOBS,
    ORGANISER,
    PACKAGES,
    PASSWORD,
    PORTS,
    Stack,
    create_seeded_app,
    fresh_file,
    jobs,
    listening,
    read_options,
    run_job,
    running_stack,
    stop_on_signals,
)
from workbench.sandbox.server import HOST, listen

ANY_PORTS = dict.fromkeys(PORTS, 0)
SECOND_SHOP = ROOT / "examples" / "second_shop.toml"
RUN = "import sys; from workbench.run import main; sys.exit(main(sys.argv[1:]))"
RUN_JOB = "import sys; from workbench.run import jobs; sys.exit(jobs(sys.argv[1:]))"


def start(code: str, *arguments: str, folder: Path) -> subprocess.Popen[str]:
    """Start what a verb of the workbench starts, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HTTP_PROXY": "http://127.0.0.1:9"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def start_make_run(folder: Path) -> subprocess.Popen[str]:
    return start(RUN, *(f"--{name}-port=0" for name in PORTS), folder=folder)


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
            job_output, job_errors = start(RUN_JOB, "expire", folder=tmp_path).communicate()
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=5)
        finally:
            process.kill()

    assert (process.returncode, rest, errors) == (0, "", "")
    assert [answer.status_code for answer in answers] == [200] * 5
    # Paid, although HTTP_PROXY leads nowhere.
    assert "Your tickets" in order.text
    assert [line for line in job_output.splitlines() if line.endswith(":")] == [
        f"{name}:" for name in PACKAGES
    ]
    assert (job_output.count("expired orders: "), job_errors) == (2, "")
    assert [path.name for path in (tmp_path / "build" / "run").glob("*.json")] == []
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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch:
        # As in `make run`, the answer to tok_slow comes too late; only sooner.
        patch.setattr("workbench.run.PAYMENTS_TIMEOUT", 1.0)
        patch.setattr("workbench.run.SLOW_SECONDS", 2.0)
        patch.setenv("no_proxy", HOST)
        with (
            listening(ANY_PORTS) as listeners,
            running_stack(listeners, folder, SECOND_SHOP) as running,
        ):
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


def buy(app_url: str, card: str = "tok_visa") -> requests.Response:
    """Buy a ticket for the first event that sells any, and return the page that answers."""
    with requests.Session() as browser:
        season = browser.get(app_url, timeout=5).text
        for path in re.findall(r'href="(/events/[a-z0-9-]+)"', season):
            page = browser.get(app_url + path, timeout=5).text
            if 'name="card_token"' in page:
                break
        else:
            pytest.fail(f"no event at {app_url} sells tickets")
        form = {"name": "Ada", "email": "ada@example.org", "quantity": 1, "card_token": card}
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


def wait_for(address: str, text: str) -> str:
    """Return the page once it has this text; fail when it takes too long."""
    deadline = time.monotonic() + 10
    while text not in (page := requests.get(address, timeout=5).text):
        assert time.monotonic() < deadline, f"{address} never shows {text!r}: {page}"
        time.sleep(0.1)
    return page


def outcomes(gateway: str, reference: str) -> dict[str, str]:
    """Return what each receiver answered to the webhook about an order."""
    while "on its way" in (page := requests.get(gateway, timeout=5).text):
        time.sleep(0.05)
    rows = [re.findall("<td>(.*?)</td>", row) for row in page.split("</tr>")]
    return {row[4]: row[5] for row in rows if row[2:3] == [reference]}


def test_order_that_was_charged_slowly_is_held_and_then_paid_by_webhook(
    app_url: str, stack: Stack
) -> None:
    held = buy(app_url, "tok_slow")
    assert held.status_code == 503
    address = re.search(r"/orders/[A-Z379]{5}/[\w-]+", held.text)
    assert address is not None

    page = wait_for(app_url + address[0], "Your tickets")

    assert "Ada" in page
    # Both shops get the webhook, and only one of them has the order.
    assert outcomes(stack.gateway, address[0].split("/")[2]) == {
        f"{site}/webhooks/payments": "answered 200" if site == app_url else "answered 404"
        for site in (stack.before, stack.after)
    }


def test_social_network_knows_both_apps(app_url: str, stack: Stack) -> None:
    answer = requests.get(f"{app_url}/share/authorize", timeout=5)

    assert answer.status_code == 200
    assert answer.url.startswith(f"{stack.social}/oauth/authorize?oauth_token=")
    assert app_url.removeprefix("http://") in answer.text


@pytest.mark.parametrize("name", list(PACKAGES))
def test_each_job_can_be_run_by_hand_and_again(
    name: str, stack: Stack, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for job in JOBS:
        run_job(name, job, folder)
        assert run_job(name, job, folder) == 0

    output, errors = capfd.readouterr()
    assert errors == ""
    again = output.split(f"{name}:\n")[2::2]
    assert len(again) == len(JOBS)
    for lines in again:
        assert re.fullmatch(r"([a-z ]+: 0\n)+", lines)


def test_job_without_a_running_shop_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="call `make run` first"):
        run_job("before", "expire", tmp_path)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["before"], "choose from"),
        (["tidy"], "invalid choice: 'tidy' (choose from"),
        (["during", "expire"], "invalid choice: 'during' (choose from"),
        (["expire", "before"], "'"),
    ],
)
def test_wrong_arguments_of_jobs_get_one_sentence(argv: list[str], sentence: str) -> None:
    with pytest.raises(Problem) as problem:
        jobs(argv)

    assert sentence in str(problem.value)
    assert "\n" not in str(problem.value)


def test_services_of_the_example_are_those_of_after_alone(stack: Stack) -> None:
    pages = {name: buy(getattr(stack, name), card="").text for name in PACKAGES}

    assert {name for name in PACKAGES if 'max="2"' in pages[name]} == {"after"}
    assert all("Give a card" in page for page in pages.values())


def test_example_names_only_what_the_shop_has() -> None:
    config = {"SHARE_URL": "", "SHARE_CLIENT_KEY": "", "SHARE_CLIENT_SECRET": ""}
    default = default_services(config)

    for blueprint, entries in tomllib.loads(SECOND_SHOP.read_text(encoding="utf-8")).items():
        assert entries.keys() <= default[blueprint].keys()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            None,
            "SERVICES cannot be read (No such file or directory): give the path of a TOML file.",
        ),
        ("checkout", "SERVICES cannot be read (Expected '=' after a key"),
        ("checkout = 3", "SERVICES['checkout'] is of type int: give a dict"),
        (
            "checkout.Checkout.hold_minutes = 0",
            "SERVICES['checkout']['Checkout']: hold_minutes is",
        ),
    ],
)
def test_services_that_cannot_be_used_get_one_sentence(
    tmp_path: Path, content: str | None, sentence: str
) -> None:
    file = tmp_path / "services.toml"
    if content is not None:
        file.write_text(content, encoding="utf-8")

    with pytest.raises(Problem) as problem:
        create_seeded_app("after", {"SECRET_KEY": "any", "SERVICES": str(file)})

    assert str(problem.value).startswith(f"The shop 'after' cannot start with {file}: {sentence}")
    assert "\n" not in str(problem.value)


def test_without_arguments_the_jobs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert jobs([]) == 0

    usage, _, *listed = capsys.readouterr().out.splitlines()
    assert usage.startswith('Usage: make jobs ARGS="expire"')
    assert [line.split()[0] for line in listed] == list(JOBS)
    assert list(JOBS) == list(import_module("before_mvt.jobs").JOBS)


def test_settings_for_jobs_are_for_the_owner_only(stack: Stack, folder: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o077 for path in folder.glob("*.json")}

    assert modes == {"before.json": 0, "after.json": 0}


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
        (["--services"], "expected one argument"),
    ],
)
def test_bad_options_get_one_sentence(argv: list[str], sentence: str) -> None:
    with pytest.raises(Problem) as problem:
        read_options(argv)

    assert sentence in str(problem.value)
    assert "\n" not in str(problem.value)


def test_option_moves_one_port_only() -> None:
    assert read_options(["--after-port", "6002"]) == ({**PORTS, "after": 6002}, None)


def test_option_names_the_file_with_services() -> None:
    assert read_options(["--services", "a.toml"]) == (PORTS, Path("a.toml"))


def test_database_of_the_last_run_is_removed(tmp_path: Path) -> None:
    for name in ("before-5001.sqlite", "before-5001.sqlite-wal", "before-6001.sqlite"):
        (tmp_path / name).touch()

    fresh_file(tmp_path, "before-5001.sqlite")

    assert [path.name for path in tmp_path.iterdir()] == ["before-6001.sqlite"]


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "build").touch()

    with pytest.raises(Problem, match="build"):
        fresh_file(tmp_path / "build" / "run", "before-5001.sqlite")
