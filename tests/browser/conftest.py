"""Both apps with their gateway and mailbox, and a real browser with JavaScript switched off."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from workbench.run import PACKAGES, PORTS, Stack, listening, running_stack
from workbench.sandbox.server import HOST


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    any_ports = dict.fromkeys(PORTS, 0)
    with (
        listening(any_ports) as listeners,
        running_stack(listeners, tmp_path_factory.mktemp("run")) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser. Without one the tests are skipped; but never in CI."""
    path = shutil.which("chromium")
    if path is None:
        sentence = "No chromium was found: install it with `apt-get install chromium`."
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    return path


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    switches = [
        "--no-sandbox",
        "--disable-gpu",
        # No request goes to other hosts, not even from the browser itself.
        "--disable-background-networking",
        f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}",
        # A picture that is painted in parts keeps a trace of what was there before.
        "--disable-partial-raster",
    ]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium, headless=True, args=switches
        )
        yield running
        running.close()


@pytest.fixture(params=list(PACKAGES))
def app_url(request: pytest.FixtureRequest, stack: Stack) -> str:
    url: str = getattr(stack, request.param)
    return url


@pytest.fixture
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    """A page of a window with cookies of its own; addresses like `/login` are the app's."""
    with browser.new_context(base_url=app_url, java_script_enabled=False) as window:
        window.set_default_timeout(5_000)
        yield window.new_page()
