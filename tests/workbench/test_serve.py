"""`make serve`: several real processes, and a log that has no secret in it."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.workbench.served import PATIENCE, complete_settings, serving, wait_for
from workbench import serve
from workbench.environment import ROOT, Problem
from workbench.gunicorn_settings import mask
from workbench.postgres import find_programs, running_postgres
from workbench.run import PACKAGES
from workbench.sandbox.server import HOST, listen


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return complete_settings(tmp_path / "shop.sqlite")


@pytest.mark.parametrize("app", list(PACKAGES.values()))
def test_two_processes_serve_the_shop_and_end_together(
    settings: dict[str, str], tmp_path: Path, app: str
) -> None:
    with serving(settings, tmp_path, app) as served:
        page = requests.get(served.url, timeout=PATIENCE)
        workers = served.workers()

    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert len(set(workers)) == 2
    assert served.master.returncode == 0
    # The first process was the first of a group: the group is gone too.
    with pytest.raises(ProcessLookupError):
        os.killpg(served.master.pid, 0)


def test_a_process_that_is_killed_is_replaced(settings: dict[str, str], tmp_path: Path) -> None:
    with serving(settings, tmp_path) as served:
        os.kill(served.workers()[0], signal.SIGKILL)
        wait_for(lambda: len(served.workers()) == 3)

        assert [served.get("/") for _ in range(10)] == [200] * 10


def test_it_serves_from_postgresql(settings: dict[str, str], tmp_path: Path) -> None:
    try:
        find_programs()
    except Problem as problem:
        if "CI" in os.environ:
            raise
        pytest.skip(str(problem))
    with running_postgres() as url:
        settings[f"{serve.PREFIX}SQLALCHEMY_DATABASE_URI"] = url
        with serving(settings, tmp_path) as served:
            assert served.get("/") == 200


def test_no_secret_is_in_the_log(settings: dict[str, str], tmp_path: Path) -> None:
    folding = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: session=\r\n SECRET\r\n\r\n"
    with serving(settings, tmp_path) as served:
        statuses = [
            served.get("/orders/ABCDE/SECRET?SECRET=SECRET"),
            served.get("/orders//ABCDE/SECRET", allow_redirects=False),
            served.get("/%6frders/ABCDE/%20SECRET%0A127.0.0.1%20GET%20/forged%20200"),
            served.get("/waitlist/SECRET"),
            served.get("/share/ABCDE/SECRET"),
            served.get("/", headers={"Referer": f"{served.url}/orders/ABCDE/SECRET"}),
            served.get("/login?next=SECRET", cookies={"session": "SECRET"}),
        ]
        served.get("/share/authorized?oauth_token=SECRET&oauth_verifier=SECRET")
        requests.post(f"{served.url}/orders/ABCDE/SECRET/cancel", timeout=PATIENCE)
        requests.post(f"{served.url}/login", {"name": "a", "password": "SECRET"}, timeout=PATIENCE)
        first_lines = [
            served.send(b"GET /orders/ABCDE/SECRET SECRET HTTP/1.1\r\n\r\n"),
            served.send(folding),
        ]
        log = served.log

    assert statuses == [404, 308, 404, 404, 404, 200, 200]
    assert all(b" 400 " in line for line in first_lines)
    assert "SECRET" not in log
    assert "GET /orders/ABCDE/*** 404" in log
    assert "POST /orders/ABCDE/*** " in log
    assert "/waitlist/***" in log
    assert "GET /share/ABCDE/*** 404" in log
    assert "\n127.0.0.1 GET /forged" not in log
    assert not [value for value in settings.values() if value.startswith("key-") and value in log]


def test_no_secret_is_in_what_is_logged_of_a_fault(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with serving(settings, tmp_path) as served:
        flask = [sys.executable, "-m", "flask", "--app", "after_service_layer.app"]
        subprocess.run([*flask, "seed"], check=True, env={**os.environ, **settings}, cwd=ROOT)
        with sqlite3.connect(tmp_path / "shop.sqlite") as database:
            reference, secret = database.execute("SELECT reference, secret FROM orders").fetchone()
            database.execute("UPDATE orders SET status = 'no such status'")
        unreadable = served.get(f"/orders/{reference}/{secret}")
        with sqlite3.connect(tmp_path / "shop.sqlite") as database:
            database.execute("DROP TABLE orders")
        missing = served.get(f"/orders/{reference}/{secret}")
        log = served.log

    assert (unreadable, missing) == (500, 503)
    assert f"Exception on /orders/{reference}/*** [GET]" in log
    assert "Traceback" in log and "'no such status'" in log
    assert "no such table: orders" in log
    assert secret not in log


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("GET /orders/ABCDE/s3cret/cancel 303", "GET /orders/ABCDE/*** 303"),
        ("https://shop.example/waitlist/t0ken", "https://shop.example/waitlist/***"),
        ("Exception on /share/ABCDE/s3cret [POST]", "Exception on /share/ABCDE/*** [POST]"),
        ("GET /share/authorized 303, 0 bytes", "GET /share/authorized 303, 0 bytes"),
        ("POST /events/jazz/waitlist 303", "POST /events/jazz/waitlist 303"),
        ("[parameters: ('ABCDE', 's3cret')]", "[parameters: ***"),
        ("DETAIL:  Key (email)=(ada@example.org)", "DETAIL: ***"),
        ("The hall is full.", "The hall is full."),
    ],
)
def test_only_secrets_are_masked(line: str, masked: str) -> None:
    assert mask(line) == masked


def test_missing_settings_are_named_in_one_sentence(settings: dict[str, str]) -> None:
    del settings["BOX_OFFICE_MAIL_HOST"]
    settings["BOX_OFFICE_SECRET_KEY"] = ""

    with pytest.raises(Problem) as problem:
        serve.check_settings(settings)

    assert str(problem.value).startswith("BOX_OFFICE_SECRET_KEY, BOX_OFFICE_MAIL_HOST are not set")
    assert serve.PAGE in str(problem.value) and (ROOT / serve.PAGE).exists()
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("PAYMENTS_URL", "gateway", "PAYMENTS_URL is 'gateway': give an address"),
        ("SQLALCHEMY_DATABASE_URI", "sqlite:////nowhere/shop", "unable to open database file"),
        ("SQLALCHEMY_DATABASE_URI", "postgresql+psycopg://a:s3cret@127.0.0.1:9/a", "refused"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_sentence(
    settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    value: str,
    sentence: str,
) -> None:
    for name, good in settings.items():
        monkeypatch.setenv(name, good)
    monkeypatch.setenv(serve.PREFIX + key, value)

    with pytest.raises(Problem) as problem:
        serve.make_tables("before_mvt")

    assert sentence in str(problem.value)
    assert "s3cret" not in str(problem.value) and "\n" not in str(problem.value)


def test_an_address_that_is_taken_is_named() -> None:
    with listen() as taken:
        port = taken.getsockname()[1]

        with pytest.raises(Problem, match=rf"{HOST}:{port} \(address already in use\)"):
            serve.check_address(HOST, port)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--bind", "8000"], "'8000' is not HOST:PORT, as in 127.0.0.1:8000"),
        (["--bind", "127.0.0.1:65536"], "is not HOST:PORT"),
        (["--workers", "0"], "'0' is not a number from 1 to 64"),
        (["--app", "flask"], "'before_mvt', 'after_service_layer'"),
    ],
)
def test_bad_options_get_one_sentence(argv: list[str], sentence: str) -> None:
    with pytest.raises(Problem) as problem:
        serve.read_options(argv)

    assert sentence in str(problem.value)
    assert "\n" not in str(problem.value)


def test_without_options_it_serves_after_on_loopback() -> None:
    wanted = serve.read_options([])

    assert (wanted.app, wanted.bind) == ("after_service_layer", (HOST, 8000))
    assert 3 <= wanted.workers <= serve.MOST_BY_DEFAULT


def test_on_windows_a_sentence_says_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")

    with pytest.raises(Problem, match="WSL"):
        serve.main([])
