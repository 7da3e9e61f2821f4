"""Both shops in two windows side by side: each step is done in both.

Each shop is at the same address, at the same instant, and draws the same random numbers. So
nothing on a page needs to be masked: references, tickets and tokens are the same in both.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from werkzeug.exceptions import NotFound

from workbench.run import PACKAGES, close_database, create_seeded_app
from workbench.sandbox.credentials import Network
from workbench.sandbox.gateway import running_gateway
from workbench.sandbox.mailbox import running_mailbox
from workbench.sandbox.server import HOST, serving
from workbench.sandbox.social import Views, create_social

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# The browser asks a proxy for this name, and the proxy is the shop: so both have one address.
SHOP = "http://shop.example"
CLIENT = {"client_key": "key of the shop", "client_secret": "shared with the network"}
AXE = Axe()
REAL_CHANCE = os.urandom
SIZES = {"desktop": 1280, "phone": 360}
HEIGHT = 740
LINES_SHOWN = 40
# In dark mode only the colours differ.
COLOURS_ONLY = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}


class Chance(local):
    """Random numbers for each thread: those of a seed between `seeded`, else real ones."""

    numbers: random.Random | None = None

    @contextmanager
    def seeded(self, seed: str) -> Iterator[None]:
        self.numbers = random.Random(seed)
        yield
        self.numbers = None

    def draw(self, size: int) -> bytes:
        """Stand in for `os.urandom`."""
        return self.numbers.randbytes(size) if self.numbers else REAL_CHANCE(size)


CHANCE = Chance()


class Repeatable:
    """An app that draws the same random numbers whenever it gets the same requests.

    They depend on the address, and on how often it was asked for. The browser asks some hosts by
    itself, how to fill in a form, say: that ends here.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._asked: Counter[str] = Counter()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        if environ["REQUEST_METHOD"] == "CONNECT":
            return NotFound()(environ, start_response)
        this = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        self._asked[this] += 1
        with CHANCE.seeded(f"{this} {self._asked[this]}"):
            return self._app(environ, start_response)


@dataclass
class Twin:
    """One shop in one window, and what the window has met besides the pages."""

    page: Page
    network: str
    mailbox: str
    troubles: list[str] = field(default_factory=list)

    def watch(self, window: BrowserContext) -> None:
        """Note all that must not happen in the window."""
        window.on("console", self._note_message)
        window.on("weberror", lambda error: self.troubles.append(f"page error: {error.error}"))
        window.on("request", lambda request: self._note_address(request.url))

    def mails(self) -> list[dict[str, Any]]:
        """Return all mails of this shop, the last first."""
        mails: list[dict[str, Any]] = requests.get(f"{self.mailbox}/mails.json", timeout=5).json()
        return mails

    def _note_message(self, message: ConsoleMessage) -> None:
        # The browser says so of each page that is answered with 400 or above: those are meant.
        is_page = message.page is not None and message.location["url"] == message.page.url
        if not (is_page and message.text.startswith("Failed to load resource")):
            self.troubles.append(f"console: {message.text}")

    def _note_address(self, address: str) -> None:
        is_ours = address.startswith((f"{SHOP}/", f"{self.network}/"))
        if not (is_ours or urlsplit(address).scheme == "data"):
            self.troubles.append(f"request to {address}")


class View(NamedTuple):
    """What a visitor finds on a page: its address, its elements, and how it looks."""

    address: str
    tree: str
    source: str
    pixels: dict[str, bytes]


class Twins:
    """Does everything in both shops, and fails at the first page that differs."""

    def __init__(self, twins: Mapping[str, Twin], folder: Path) -> None:
        self.twins = twins
        self._folder = folder

    def do(self, action: Callable[[Page], object]) -> None:
        """Do this in both windows. It has to wait for the page that it leads to."""
        for twin in self.twins.values():
            action(twin.page)

    def open(self, address: str) -> None:
        """Go to an address, such as `/about`."""
        self.do(lambda page: page.goto(address))

    def type(self, fields: Mapping[str, str]) -> None:
        """Fill in fields, given by their labels."""
        for label, text in fields.items():
            self.do(lambda page, label=label, text=text: fill(page, label, text))

    def press(self, button: str) -> None:
        """Press a button that leads to a page."""
        self.do(lambda page: press(page, button))

    def follow(self, link: str) -> None:
        """Follow the first link of this name."""
        self.do(lambda page: follow(page, link))

    def address(self) -> str:
        """Return where both windows are."""
        (address,) = {twin.page.url for twin in self.twins.values()}
        return address

    def last_mail(self, *, to: str) -> str:
        """Return the text of the last mail to this address; it is the same from both shops."""
        before, after = (
            [mail["text"] for mail in twin.mails() if to in mail["to"]]
            for twin in self.twins.values()
        )
        assert before == after != []
        text: str = before[0]
        return text

    def look(self, heading: str) -> None:
        """Fail if the pages differ, or if axe or the window reports a problem.

        `heading` proves that it is the expected page.
        """
        for twin in self.twins.values():
            expect(twin.page.get_by_role("heading", level=1)).to_contain_text(heading)
        self._compare(*(see(twin) for twin in self.twins.values()))
        # The pages consist of the same: it is enough to let axe look at one of them.
        troubles = find_barriers(self.twins["before"].page)
        for name, twin in self.twins.items():
            troubles += [f"{name}: {trouble}" for trouble in twin.troubles]
        if troubles:
            fail(self.twins["before"].page.url, troubles)

    def _compare(self, before: View, after: View) -> None:
        for one, other in zip(before[:3], after[:3], strict=True):
            diff = list(unified_diff(one.splitlines(), other.splitlines(), *PACKAGES, n=1))
            if diff:
                fail(before.address, diff)
        for size, picture in before.pixels.items():
            if picture != after.pixels[size]:
                for name, view in zip(PACKAGES, (before, after), strict=True):
                    (self._folder / f"{size}-{name}.png").write_bytes(view.pixels[size])
                fail(before.address, [f"It looks different: see {size}-*.png in {self._folder}"])


def fail(address: str, lines: Sequence[str]) -> NoReturn:
    pytest.fail("\n".join([address, *lines[:LINES_SHOWN]]), pytrace=False)


def see(twin: Twin) -> View:
    """Return what there is to see in a window."""
    page = twin.page
    pixels = {}
    for size in SIZES:
        resize(page, size)
        pixels[size] = page.screenshot(full_page=True, animations="disabled")
    return View(
        # Each shop has a network of its own, at any free port.
        address=page.url.replace(twin.network, "http://network.example"),
        tree=page.locator("body").aria_snapshot(),
        source=page.content(),
        pixels=pixels,
    )


def find_barriers(page: Page) -> list[str]:
    """Return what axe finds, and what it cannot see: whether the page fits on a phone."""
    resize(page, "phone")
    found = AXE.run(page).response["violations"]
    page.emulate_media(color_scheme="dark")
    found += AXE.run(page, options=COLOURS_ONLY).response["violations"]
    page.emulate_media(color_scheme="light")
    findings = [
        f"{broken['help']}: {place['html']}" for broken in found for place in broken["nodes"]
    ]
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > SIZES["phone"]:
        findings.append(f"{width} px wide on a phone of {SIZES['phone']} px")
    return findings


def resize(page: Page, size: str) -> None:
    page.set_viewport_size({"width": SIZES[size], "height": HEIGHT})


def fill(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).fill(text)


def press(page: Page, button: str) -> None:
    """Press a button, and wait for the page that comes."""
    with page.expect_event("load"):
        page.get_by_role("button", name=button).click()


def follow(page: Page, link: str) -> None:
    """Follow the first link of this name, and wait for the page that comes."""
    with page.expect_event("load"):
        page.get_by_role("link", name=link).first.click()


@contextmanager
def running_twins(browser: Browser, folder: Path) -> Iterator[Twins]:
    """Run both shops, each with a gateway, a mailbox and a network of its own."""
    with ExitStack() as stack:
        twins = {name: _start(stack, browser, name, folder) for name in PACKAGES}
        yield Twins(twins, folder)


def _start(stack: ExitStack, browser: Browser, name: str, folder: Path) -> Twin:
    gateway = stack.enter_context(
        # No webhook: it would be a matter of time whether it or the answer comes first.
        running_gateway(api_key="key", slow_seconds=0, webhook_secret="", webhook_urls=[])
    )
    mailbox = stack.enter_context(running_mailbox())
    network = stack.enter_context(serving(Repeatable(create_social(Views(Network(**CLIENT))))))
    settings = {
        "SECRET_KEY": "only for tests",
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/{name}.sqlite",
        "PAYMENTS_URL": gateway.url,
        "PAYMENTS_API_KEY": "key",
        "MAIL_HOST": mailbox.smtp_host,
        "MAIL_PORT": mailbox.smtp_port,
        "SHARE_URL": f"{network}/oauth",
        "SHARE_CLIENT_KEY": CLIENT["client_key"],
        "SHARE_CLIENT_SECRET": CLIENT["client_secret"],
        "SITE_URL": SHOP,
    }
    with CHANCE.seeded("the sample data"):
        app = create_seeded_app(name, settings)
    stack.callback(close_database, app)
    proxy = {"server": stack.enter_context(serving(Repeatable(app))), "bypass": HOST}
    window = stack.enter_context(
        browser.new_context(base_url=SHOP, proxy=proxy, reduced_motion="reduce")
    )
    window.set_default_timeout(15_000)
    twin = Twin(page=window.new_page(), network=network, mailbox=mailbox.url)
    twin.watch(window)
    return twin
