"""What visitors do, one thing after the other: buyers, organisers, the gateway, and strangers."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Event
from urllib.parse import urlencode

from workbench.sandbox.gateway import event_of
from workbench.sandbox.webhooks import sign
from workbench.serve import PREFIX
from workbench.soak.browser import Answer, Browser
from workbench.soak.client import Client, CutOff, GivenUp
from workbench.soak.sample_data import (
    BIG_EVENTS,
    HIDDEN_EVENT,
    HOSTILE_FIELDS,
    HOSTILE_REQUESTS,
    LAPSED_VOUCHER,
    NAMES,
    PAYING_CARDS,
    SMALL,
    SMALL_EVENTS,
    VOUCHERS,
)
from workbench.soak.shops import PASSWORD, Shop

ORDER = re.compile(r'href="(/orders/[^"]+)"')
SEATS_LEFT = re.compile(r"<strong>(\d+) seats? left")
STATUS = re.compile(r'<strong class="mark (\w+)">')
TICKET = re.compile(r"<li><code>([^<]+)</code>")
MOST_SEATS = 10
OLDEST_SIGNATURE = 300
JSON = {"Content-Type": "application/json"}


class Visitor(Client):
    """Does one thing after the other, by chance.

    `seen` has the status in which each order was last seen, by its address.
    """

    def __init__(self, shop: Shop, number: int) -> None:
        super().__init__(shop, number)
        self.cards = PAYING_CARDS
        self.seen: dict[str, str] = {}
        self._logged_in = False
        self._steps = 0
        self._orders: deque[tuple[str, str]] = deque(maxlen=30)
        self._tickets: deque[tuple[str, str]] = deque(maxlen=30)
        self._waiting: deque[tuple[str, str]] = deque(maxlen=30)
        # What is done, and how often in about a hundred times.
        self._plan: dict[Callable[[], None], int] = {
            self._search: 16,
            self._buy: 24,
            self._click_twice: 3,
            self._race: 6,
            self._look_at_order: 8,
            self._cancel: 10,
            self._wait_in_line: 6,
            self._use_offer: 6,
            self._send_webhook: 5,
            self._sell_at_counter: 4,
            self._check_in: 5,
            self._edit: 2,
            self._look_at_sales: 3,
            self._make_voucher: 1,
            self._be_hostile: 6,
            self._guess: 1,
            self._log_out: 1,
            self._look_around: 2,
        }

    def visit(self, until: float, stop: Event) -> int:
        """Do one thing after the other until then; return how many requests were answered."""
        self._until, self._answered = until, 0
        while time.monotonic() < until and not stop.is_set():
            action = self.random.choices(list(self._plan), list(self._plan.values()))[0]
            with suppress(GivenUp):
                action()
        return self._answered

    # Looking.

    def _search(self) -> None:
        query = {
            "q": self.random.choice(["", "jazz", "MILL", "nothing like it"]),
            "category": self.random.choice(["", "music", "talks"]),
            "sort": self.random.choice(["date", "price", "title"]),
            "per_page": self.random.choice(["10", "25", "50"]),
        }
        self._get("search", f"/?{urlencode(query)}")

    def _look_around(self) -> None:
        self._get("about", self.random.choice(["/about", "/healthz"]))
        self._get("event", f"/events/{HIDDEN_EVENT}", {404})

    def _look_at_order(self) -> None:
        if self._orders:
            self._show(*self.random.choice(self._orders), self._buyer)

    def _show(self, slug: str, path: str, browser: Browser) -> Answer:
        """Look at an order; remember its status, and its tickets."""
        page = self._get("order", path, browser=browser)
        if found := STATUS.search(page.text):
            self.seen[path] = found[1]
        self._tickets.extend((slug, code) for code in TICKET.findall(page.text))
        return page

    # Buying.

    def _buy(self) -> None:
        small = self.random.random() < 0.4
        slug = self.random.choice(SMALL_EVENTS if small else BIG_EVENTS)
        page = self._get("event", f"/events/{slug}")
        if page.checkout_id:
            fields = self._purchase(page.checkout_id)
            self._check_out("checkout", self._buyer, f"/events/{slug}/checkout", fields)

    def _purchase(self, checkout_id: str) -> dict[str, str]:
        voucher = self.random.choice(["", "", "", "", *VOUCHERS, LAPSED_VOUCHER])
        return {
            "checkout_id": checkout_id,
            "name": self.random.choice(NAMES),
            "email": self._new_address(),
            "quantity": str(self.random.choice([1, 1, 2, 2, 3, 6])),
            "voucher": voucher,
            "card_token": self.random.choice(self.cards),
        }

    def _check_out(
        self, kind: str, browser: Browser, path: str, fields: Mapping[str, str]
    ) -> Answer:
        """Send the form of a purchase; where no answer comes, send it once more, as people do."""

        def send() -> Answer:
            return self._post(kind, browser, path, fields, _statuses_of(fields))

        try:
            answer = send()
        except CutOff:
            answer = send()
        address = answer.location if answer.status == 303 else _link_to_order(answer)
        if address:
            slug = path.split("/events/")[1].partition("/")[0]
            self._orders.append((slug, address))
            self._show(slug, address, browser)
        return answer

    def _click_twice(self) -> None:
        slug = self.random.choice(BIG_EVENTS)
        page = self._get("event", f"/events/{slug}")
        fields = self._purchase(page.checkout_id) | {"voucher": "", "card_token": "tok_visa"}
        path = f"/events/{slug}/checkout"
        answers = self._check_out_at_once("double click", path, fields, fields)
        led_to = {answer.location for answer in answers if answer.location}
        if len(led_to) > 1:
            self.findings.append(f"double click ({path}): {len(led_to)} orders, not one.")

    def _race(self) -> None:
        """Order all seats that are left, twice in the same moment."""
        path = f"/events/{self.random.choice(SMALL_EVENTS)}"
        pages = [self._get("event", path), self._get("event", path)]
        left = SEATS_LEFT.search(pages[1].text)
        if left and all(page.checkout_id for page in pages):
            wanted = {
                "quantity": str(min(int(left[1]), MOST_SEATS)),
                "voucher": "",
                "card_token": "tok_visa",
            }
            forms = [self._purchase(page.checkout_id) | wanted for page in pages]
            self._check_out_at_once("race", f"{path}/checkout", *forms)

    def _check_out_at_once(self, kind: str, path: str, *forms: dict[str, str]) -> list[Answer]:
        with ThreadPoolExecutor(len(forms)) as pool:
            sent = [
                pool.submit(self._check_out, kind, self._buyer.copy(), path, form)
                for form in forms
            ]
            return [answer.result() for answer in sent]

    def _cancel(self) -> None:
        if not self._orders:
            return
        slug, path = self.random.choice(self._orders)
        # An order that cannot be cancelled has no such form on its page.
        if f"{path}/cancel" in self._show(slug, path, self._buyer).text:
            self._post("cancel", self._buyer, f"{path}/cancel", {}, {303, 409})
            self._show(slug, path, self._buyer)

    # Waiting.

    def _wait_in_line(self) -> None:
        slug = self.random.choice(SMALL_EVENTS)
        self._get("event", f"/events/{slug}")
        email = self._new_address()
        fields = {"email": email, "quantity": str(self.random.choice([1, 2, 4]))}
        path = f"/events/{slug}/waitlist"
        if self._post("waiting list", self._buyer, path, fields, {303, 409}).status == 303:
            self._waiting.append((slug, email))

    def _use_offer(self) -> None:
        offered = [entry for entry in self._waiting if entry[1] in self.shop.mailbox.offers]
        if not offered:
            return
        slug, email = self.random.choice(offered)
        self._waiting.remove((slug, email))
        path = self.shop.mailbox.offers[email]
        page = self._get("offer", path, {200, 410})
        if page.checkout_id:
            fields = self._purchase(page.checkout_id)
            fields |= {"email": email.upper(), "quantity": "1", "offer": path.split("/")[-1]}
            self._check_out("offer used", self._buyer, f"/events/{slug}/checkout", fields)

    # The gateway.

    def _send_webhook(self) -> None:
        """Report a charge as the gateway does, or as a stranger who pretends to be the gateway."""
        charges = self.shop.ledger.charges()
        if not charges:
            return
        event = event_of(self.random.choice(charges))
        secret, now = self.shop.settings[f"{PREFIX}PAYMENTS_WEBHOOK_SECRET"], int(time.time())
        match self.random.choice(["again", "again", "forged", "late", "unknown", "other amount"]):
            case "again":
                self._deliver(event.as_body(), secret, now, 200)
            case "forged":
                self._deliver(event.as_body(), "guessed", now, 400)
            case "late":
                # Late by a second or more: the shop reads its clock after us.
                self._deliver(event.as_body(), secret, now - OLDEST_SIGNATURE - 1, 400)
            case "unknown":
                self._deliver(replace(event, reference="00000").as_body(), secret, now, 404)
            case "other amount" if event.type == "charge.succeeded":
                wrong = replace(event, amount=event.amount + 1)
                self._deliver(wrong.as_body(), secret, now, 200)

    def _deliver(self, body: bytes, secret: str, at: int, status: int) -> None:
        headers = {**JSON, "Gateway-Signature": sign(secret, body, at)}
        path = "/webhooks/payments"
        self._ask("webhook", {status}, path, lambda: self._buyer.send("POST", path, body, headers))

    # The organiser.

    def _at_desk(self) -> Browser:
        """Return the window of an organiser who is logged in."""
        if not self._logged_in:
            self._get("login", "/login", browser=self._desk)
            fields = {"name": f"organiser-{self.number}", "password": PASSWORD}
            self._post("login", self._desk, "/login", fields, {303})
            self._logged_in = True
            self._get("dashboard", "/organiser", browser=self._desk)
        return self._desk

    def _sell_at_counter(self) -> None:
        slug = self.random.choice(BIG_EVENTS)
        desk = self._at_desk()
        page = self._get("counter", f"/organiser/events/{slug}/sell", browser=desk)
        fields = self._purchase(page.checkout_id)
        fields["quantity"] = str(self.random.randint(1, 20))
        self._check_out("counter", desk, f"/organiser/events/{slug}/sell", fields)

    def _check_in(self) -> None:
        if not self._tickets:
            return
        slug, code = self.random.choice(self._tickets)
        desk = self._at_desk()
        self._get("sales", f"/organiser/events/{slug}/sales", browser=desk)
        path = f"/organiser/events/{slug}/checkin"
        if self.random.random() < 0.1:
            self._post("check-in", desk, path, {"code": "no-ticket"}, {404})
        else:
            self._post("check-in", desk, path, {"code": code}, {303, 409})

    def _edit(self) -> None:
        """Give a small hall some more seats, or take some away."""
        slug = self.random.choice(SMALL_EVENTS)
        desk = self._at_desk()
        path = f"/organiser/events/{slug}/edit"
        self._get("edit", path, browser=desk)
        event = self.shop.events[slug]
        fields = {
            **{key: event[key] for key in ("title", "slug", "summary", "venue", "category")},
            "starts_at": f"{event['starts_at']:%Y-%m-%d %H:%M}",
            "capacity": str(SMALL + self.random.randint(-4, 8)),
            "price": f"{event['price_cents'] / 100:.2f}",
            "max_per_order": str(event["max_per_order"]),
            "published": "y",
        }
        self._post("edit", desk, path, fields, {303, 422})

    def _look_at_sales(self) -> None:
        slug = self.random.choice((*BIG_EVENTS, *SMALL_EVENTS))
        ending = self.random.choice(["", "?format=csv"])
        path = f"/organiser/events/{slug}/sales{ending}"
        self._get("sales", path, browser=self._at_desk())

    def _make_voucher(self) -> None:
        desk = self._at_desk()
        self._get("voucher", "/organiser/vouchers", browser=desk)
        # There are few codes, so that two vouchers have the same one at times.
        fields = {
            "code": f"SOAK-{self.random.randint(1, 40)}",
            "kind": "percent",
            "value": "15",
            "max_uses": "5",
        }
        self._post("voucher", desk, "/organiser/vouchers", fields, {303, 422})

    def _log_out(self) -> None:
        desk = self._at_desk()
        # Also where no answer comes: the logout may have been done.
        self._logged_in = False
        self._post("logout", desk, "/logout", {}, {303})

    # Strangers.

    def _guess(self) -> None:
        self._get("login", "/login")
        fields = {"name": f"guest-{self.random.randint(1, 5)}", "password": "a guess"}
        self._post("guess", self._buyer, "/login", fields, {401, 429})

    def _be_hostile(self) -> None:
        if self.random.random() < 0.5:
            method, path, body, status = self.random.choice(HOSTILE_REQUESTS)
            stranger = Browser(self.shop.port)
            what = f"{method} {path}"
            self._ask("hostile", {status}, what, lambda: stranger.send(method, path, body))
            return
        name, value, status = self.random.choice(HOSTILE_FIELDS)
        slug = self.random.choice(BIG_EVENTS)
        page = self._get("event", f"/events/{slug}")
        path = f"/events/{slug}/checkout"
        fields = self._purchase(page.checkout_id) | {"voucher": "", name: value}
        what = f"{path} with {name} = {value[:40]!r}"
        self._ask("hostile", {status}, what, lambda: self._buyer.post(path, fields))

    def _new_address(self) -> str:
        self._steps += 1
        return f"visitor-{self.number}-{self._steps}@example.org"


def _link_to_order(answer: Answer) -> str:
    """Return the address of an order whose seats are held; empty for any other page."""
    found = ORDER.search(answer.text) if answer.status == 503 else None
    return found[1] if found else ""


def _statuses_of(fields: Mapping[str, str]) -> set[int]:
    """Return the statuses that a purchase may get: seats can be gone, a voucher used up.

    503 with any card, as the gateway can be too slow, or fail.
    """
    declined = {402} if fields["card_token"] in ("tok_declined", "tok_insufficient") else set()
    return {303, 409, 503} | declined | ({422} if fields["voucher"] else set())
