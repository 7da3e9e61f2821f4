"""Steps made up by Hypothesis: what visitors, the organiser and programs may do, friendly or not.

Most steps are as a browser would send them, with values from `values.py`; in some, something goes
wrong in the middle. Weights are chosen so that a journey sells, cancels and offers a good deal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tests.equivalence import values
from tests.equivalence.outside import GATEWAY_LIES, NETWORK_LIES, Fault
from tests.equivalence.steps import Moment, Run, Send, Step, Tell, Wait
from tests.equivalence.values import BODIES, COOKIES, FORMS, METHODS, QUERIES, WEBHOOKS, Values
from tests.equivalence.world import PURCHASE

# A browser sends no longer one.
LONGEST_COOKIE = 3500
ANYBODY = ("ada", "eve", "greta")
SLUGS = ("jazz", "quiz", "gala", "free", "soon", "past", "draft", "none")
MOSTLY_OPEN = ("jazz", "quiz", "gala", "free", "soon") * 3 + SLUGS
MINUTE, HOUR, DAY = 60, 3600, 86400

# Every instant that a row names, and how long before or after it something changes.
INSTANTS = (
    ("orders.hold_until", (0,)),
    ("waitlist_entries.offered_until", (0,)),
    ("events.starts_at", (0, -DAY, -2 * DAY, -14 * DAY)),
    ("events.early_bird_until", (0,)),
    ("vouchers.valid_from", (0,)),
    ("vouchers.valid_until", (0,)),
    ("orders.mail_claimed_until", (0,)),
    ("waitlist_entries.mail_claimed_until", (0,)),
    ("failed_logins.at", (5 * MINUTE,)),
)
MOSTLY_PAYING = st.sampled_from(("tok_visa",) * 8 + values.CARDS)
ROW = st.sampled_from((0, -1, 1, -2, 2, 3, 4))


@st.composite
def moments(draw: st.DrawFn) -> Moment:
    """An instant that a row names, just before it, or just after it."""
    column, offsets = draw(st.sampled_from(INSTANTS))
    nudge = draw(st.sampled_from((0, 1, -1, 1_000_000, -1_000_000)))
    return Moment(column, draw(ROW), draw(st.sampled_from(offsets)), nudge)


def waits() -> st.SearchStrategy[Wait]:
    passing = st.sampled_from((1.0, 0.25, 61.0, 301.0, 10.5 * MINUTE, 31.0 * MINUTE, 25.0 * HOUR))
    return st.builds(Wait, st.one_of(moments(), passing))


@st.composite
def filled(draw: st.DrawFn, fields: dict[str, Values], **given: str) -> dict[str, str]:
    """A filled-in form: mostly valid, now and then with a field that is anything."""
    form = {name: draw(st.sampled_from(values.valid)) for name, values in fields.items()}
    form |= given
    odd = draw(st.sampled_from((0, 0, 0, 0, 1, 2)))
    for _ in range(odd):
        name = draw(st.sampled_from(sorted(fields)))
        form[name] = draw(st.sampled_from(fields[name].of_all_kinds()))
    return form


def _either(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Return one of these strategies, each as often as its number says."""
    names = [place for place, (weight, _) in enumerate(choices) for _ in range(weight)]
    return st.sampled_from(names).flatmap(lambda place: choices[place][1])


# What visitors do.


@st.composite
def looks(draw: st.DrawFn) -> Send:
    """Looking at a page."""
    row, slug = draw(ROW), draw(st.sampled_from(SLUGS))
    path, query = draw(
        st.sampled_from(
            (
                (f"/events/{slug}", None),
                (f"/orders/<order {row}>", None),
                (f"/waitlist/<offer {row}>", None),
                ("/", "search"),
                (f"/share/<order {row}>", None),
                ("/login", "login"),
                ("/about", None),
                ("/healthz", None),
                ("/nowhere", None),
                (f"/orders/<ORDER {row}>", None),
                (f"/waitlist/<OFFER {row}>", None),
                (f"/orders/<reference {row}>/none", None),
            )
        )
    )
    form = draw(filled(QUERIES[query])) if query else {}
    # A browser leaves out what was not asked for.
    form = {name: text for name, text in form.items() if text or draw(st.booleans())}
    cookies = {}
    if draw(st.integers(0, 9)) == 9:
        name = draw(st.sampled_from(sorted(COOKIES)))
        texts = [text for text in COOKIES[name].of_all_kinds() if len(text) < LONGEST_COOKIE]
        cookies[name] = draw(st.sampled_from(texts))
    return Send("GET", path, query=form, cookies=cookies, who=draw(st.sampled_from(ANYBODY)))


@st.composite
def purchases(draw: st.DrawFn) -> Send:
    """A checkout: on the web or at the counter, fresh, sent again, or with an offer."""
    row, slug = draw(ROW), draw(st.sampled_from(MOSTLY_OPEN))
    at_counter = draw(st.integers(0, 4)) == 4
    usual = {"checkout_id": "<new 0>", "card_token": draw(MOSTLY_PAYING)}
    if draw(st.booleans()):
        usual["voucher"] = ""
    form = draw(filled(FORMS["counter" if at_counter else "checkout"], **usual))
    match draw(st.sampled_from(("fresh", "fresh", "fresh", "offer", "offer", "again", "used"))):
        case "offer":
            form |= {"offer": f"<offer {row}>", "email": f"<waiting {row}>"}
            slug = f"<event of offer {row}>"
        case "again":
            form |= {"checkout_id": f"<checkout id {row}>", "email": f"<buyer {row}>"}
            slug = f"<event of order {row}>"
        case "used":
            form |= {"checkout_id": f"<checkout id {row}>"}
    if at_counter:
        who = draw(st.sampled_from(("greta", "greta", "greta", "eve")))
        return Send("POST", f"/organiser/events/{slug}/sell", form, who=who)
    return Send("POST", f"/events/{slug}/checkout", form, who=draw(st.sampled_from(ANYBODY)))


@st.composite
def joins(draw: st.DrawFn) -> Send:
    slug = draw(st.sampled_from(("quiz", "free", "soon", "jazz", *SLUGS)))
    form = draw(filled(FORMS["waitlist"]))
    return Send("POST", f"/events/{slug}/waitlist", form, who=draw(st.sampled_from(ANYBODY)))


@st.composite
def cancellations(draw: st.DrawFn) -> Send:
    path = draw(st.sampled_from(("order", "order", "order", "ORDER")))
    return Send("POST", f"/orders/<{path} {draw(ROW)}>/cancel", who=draw(st.sampled_from(ANYBODY)))


@st.composite
def shares(draw: st.DrawFn) -> Send:
    """A part of the dance with the social network, or a post."""
    row = draw(ROW)
    match draw(st.sampled_from(("authorize", "authorized", "post", "show", "disconnect"))):
        case "authorize":
            following = {"next": f"/share/<order {row}>"}
            query = draw(st.one_of(st.just(following), filled(QUERIES["authorize"])))
            return Send("GET", "/share/authorize", query=query)
        case "authorized":
            return Send("GET", "/share/authorized", query=draw(filled(QUERIES["authorized"])))
        case "post":
            return Send("POST", f"/share/<order {row}>")
        case "disconnect":
            return Send("POST", "/share/disconnect", draw(filled(FORMS["disconnect"])))
    return Send("GET", f"/share/<order {row}>")


@st.composite
def logins(draw: st.DrawFn) -> Send:
    """Logging in or out, and guessing."""
    who = draw(st.sampled_from(ANYBODY))
    match draw(st.sampled_from(("login", "guess", "guess", "logout"))):
        case "login":
            form = draw(filled(FORMS["login"]))
            return Send("POST", "/login", form, draw(filled(QUERIES["login"])), who=who)
        case "guess":
            return Send("POST", "/login", {"name": "Greta", "password": "wrong"}, who=who)
    return Send("POST", "/logout", who=who)


# What the organiser does.


@st.composite
def edits(draw: st.DrawFn) -> Send:
    """An event made or changed: mostly its capacity, so that seats come free or are too few."""
    form = draw(filled(FORMS["event"]))
    if draw(st.integers(0, 3)) == 3:
        return Send("POST", "/organiser/events/new", form, who="greta")
    slug = draw(st.sampled_from(("quiz", "jazz", "free", "soon", "gala", "draft", "none")))
    return Send("POST", f"/organiser/events/{slug}/edit", {**form, "slug": slug}, who="greta")


@st.composite
def new_vouchers(draw: st.DrawFn) -> Send:
    return Send("POST", "/organiser/vouchers", draw(filled(FORMS["voucher"])), who="greta")


@st.composite
def check_ins(draw: st.DrawFn) -> Send:
    row = draw(ROW)
    slug = draw(st.sampled_from((f"<event of ticket {row}>",) * 3 + SLUGS))
    code = draw(
        st.sampled_from((f"<ticket {row}>",) * 4 + (f"<TICKET {row}>", f" <ticket {row}> "))
    )
    form = draw(filled(FORMS["checkin"], code=code))
    who = draw(st.sampled_from(("greta", "greta", "greta", "eve")))
    return Send("POST", f"/organiser/events/{slug}/checkin", form, who=who)


@st.composite
def organiser_looks(draw: st.DrawFn) -> Send:
    slug = draw(st.sampled_from(SLUGS))
    pages = ("sales", "edit", "sell")
    paths = ("", "/vouchers", "/events/new", *(f"/events/{slug}/{page}" for page in pages))
    path = draw(st.sampled_from(paths))
    query = draw(filled(QUERIES["sales"])) if path.endswith("sales") else {}
    query = query if draw(st.booleans()) else {}
    headers = {"Accept": "text/csv"} if draw(st.integers(0, 3)) == 3 else {}
    who = draw(st.sampled_from(("greta", "greta", "eve")))
    return Send("GET", f"/organiser{path}", query=query, headers=headers, who=who)


# What programs do, friendly or not.


@st.composite
def webhooks(draw: st.DrawFn) -> Tell:
    """What the gateway tells: the truth, late, twice, or something else."""
    kind = draw(st.sampled_from(("charge.succeeded",) * 4 + ("charge.failed",) * 3 + ("other",)))
    order = draw(ROW)
    match draw(st.sampled_from(("true",) * 7 + ("age", "changed", "raw", "forged"))):
        case "age":
            ages = (300, 301, 299, 300.9, -300, -301, -300.5, 300.000001, 86400)
            return Tell(kind, order, draw(st.sampled_from(ages)))
        case "changed":
            changes = ({"amount": 1}, {"amount": True}, {"amount": 0}, {"reference": "NOONE"})
            ids = ({"id": "ch_other"}, {"id": "x" * 10_000}, {"id": ""}, {"id": "a\0"})
            return Tell(kind, order, changes=draw(st.sampled_from(changes + ids)))
        case "raw":
            return Tell(raw=draw(st.sampled_from(WEBHOOKS)))
        case "forged":
            headers = ("t=1,v1=0", "", "t=١,v1=" + "0" * 64, "t=1,v1=" + "A" * 64, "x" * 9000)
            if draw(st.booleans()):
                return Tell(kind, order, secret="a guess")
            return Tell(kind, order, signature=draw(st.sampled_from(headers)) or "none")
    return Tell(kind, order)


@st.composite
def commands(draw: st.DrawFn) -> Run:
    jobs = ("jobs expire", "jobs reconcile", "jobs remind")
    others = (
        "init-db",
        "seed",
        "create-organiser Hedy --password 'long enough'",
        "create-organiser Greta --password 'long enough'",
        "create-organiser '' --password 'long enough'",
        "create-organiser Ida --password short",
        "jobs none",
        "jobs",
        "nothing",
    )
    return Run(draw(st.sampled_from(jobs * 6 + others)))


FORM_PATHS = (
    ("/events/jazz/checkout", "checkout"),
    ("/events/quiz/waitlist", "waitlist"),
    ("/organiser/events/jazz/sell", "counter"),
    ("/organiser/events/jazz/checkin", "checkin"),
    ("/organiser/events/jazz/edit", "event"),
    ("/organiser/events/new", "event"),
    ("/organiser/vouchers", "voucher"),
    ("/login", "login"),
    ("/logout", "disconnect"),
    ("/share/disconnect", "disconnect"),
    ("/share/<order 0>", "disconnect"),
    ("/orders/<order 0>/cancel", "disconnect"),
)


@st.composite
def hostile(draw: st.DrawFn) -> Send:
    """A request as no browser sends it."""
    path, form = draw(st.sampled_from(FORM_PATHS))
    who = draw(st.sampled_from(("greta", "eve")))
    match draw(st.sampled_from(("body", "parts", "file", "fields", "method", "host", "query"))):
        case "body":
            return Send("POST", path, body=draw(st.sampled_from(BODIES)), who=who)
        case "parts":
            return Send("POST", path, body=values.text_parts(draw(filled(FORMS[form]))), who=who)
        case "file":
            names = draw(st.lists(st.sampled_from(sorted(FORMS[form])), min_size=1, max_size=3))
            return Send("POST", path, body=values.file_parts(names), who=who)
        case "fields":
            name = draw(st.sampled_from(sorted(FORMS[form])))
            text = draw(st.sampled_from(FORMS[form][name].of_all_kinds()))
            return Send("POST", path, {name: text}, who=who)
        case "host":
            hosts = (
                "http://elsewhere.example",
                "https://shop.example:8443",
                "https://shop.example",
            )
            host = draw(st.sampled_from((*hosts, "http://shop.example:81", "http://SHOP.example")))
            return Send("GET", draw(st.sampled_from(("/", "/about", path))), host=host, who=who)
        case "query":
            name = draw(st.sampled_from(("q", "next", "format", "page", "unknown")))
            text = draw(st.sampled_from(values.HOSTILE))
            return Send("GET", draw(st.sampled_from(("/", "/login"))), query={name: text}, who=who)
    paths = ("/", "/events/jazz", "/orders/<order 0>", "/organiser", "/healthz", "/waitlist/none")
    method = draw(st.sampled_from(METHODS))
    return Send(method, draw(st.sampled_from((path, *paths, "/webhooks/payments"))), who=who)


def plain_steps() -> st.SearchStrategy[Step]:
    """Any step in which nothing goes wrong."""
    return _either(
        (6, looks()),
        (14, purchases()),
        (6, joins()),
        (6, cancellations()),
        (4, webhooks()),
        (6, commands()),
        (6, waits()),
        (3, check_ins()),
        (4, edits()),
        (2, new_vouchers()),
        (3, organiser_looks()),
        (4, shares()),
        (3, logins()),
        (4, hostile()),
    )


# What can go wrong in a step, by what it may reach.
POINTS = {
    "share": ("network", "network", "network", "lock"),
    "login": ("lock", "commit"),
    "other": ("lock",) * 3 + ("commit", "gateway", "mail") * 2 + ("inner lock",),
}
AT_ALL_POINTS = ("fails", "breaks", "kills before", "takes time", "takes time")
AT_MOST_POINTS = (*AT_ALL_POINTS, "lets in", "lets in")
AFTER_IT_IS_DONE = ("times out", "kills after")


def a_post() -> tuple[Step, ...]:
    """An account is connected, and a post goes out."""
    back = {"oauth_token": "request_token", "oauth_verifier": "verifier"}
    return (
        Send("GET", "/share/authorize", query={"next": "/share/<order 0>"}),
        Send("GET", "/share/authorized", query=back),
        Send("POST", "/share/<order 0>"),
    )


def a_charge_that_comes_too_late() -> tuple[Step, ...]:
    """A card is declined, its seats go to somebody else, and the charge stands after all."""
    declined = {**PURCHASE, "card_token": "tok_declined"}
    return (
        Send("POST", "/events/jazz/checkout", {**declined, "quantity": "5"}),
        Send("POST", "/events/jazz/checkout", {**PURCHASE, "quantity": "3"}, who="eve"),
        Tell("charge.succeeded", -2),
    )


def a_hold_that_lapses() -> tuple[Step, ...]:
    """No answer comes on a charge, and somebody waits for the seats."""
    unanswered = {**PURCHASE, "card_token": "tok_error", "quantity": "2"}
    return (
        Send("POST", "/events/free/waitlist", {"email": "eve@example.org", "quantity": "3"}),
        Send("POST", "/events/jazz/checkout", {**unanswered, "quantity": "6"}),
        Send("POST", "/events/jazz/waitlist", {"email": "eve@example.org", "quantity": "4"}),
        Wait(Moment("orders.hold_until", -1, 0, 1)),
        Run("jobs expire"),
        Run("jobs reconcile"),
    )


def a_charge_found_after_its_seats_are_gone() -> tuple[Step, ...]:
    """No answer comes, though the card is charged; the job finds that when nothing is left."""
    in_silence = {**PURCHASE, "card_token": "tok_lost", "quantity": "6"}
    return (
        Send("POST", "/events/jazz/checkout", in_silence),
        Wait(Moment("orders.hold_until", -1, 0, 1)),
        Run("jobs expire"),
        Send("POST", "/events/jazz/checkout", {**PURCHASE, "quantity": "3"}, who="eve"),
        Run("jobs reconcile"),
    )


def an_offer_that_is_used() -> tuple[Step, ...]:
    """Seats come free, are offered, and bought by whoever waited."""
    with_offer = {**PURCHASE, "email": "<waiting 0>", "quantity": "1", "offer": "<offer 0>"}
    return (
        Send("POST", "/orders/<order 1>/cancel"),
        Send("GET", "/waitlist/<offer 0>"),
        Send("POST", "/events/quiz/checkout", with_offer),
    )


def a_day_before() -> tuple[Step, ...]:
    """It is a day before an event, and the holders of its tickets are reminded, once."""
    return (
        Wait(Moment("events.starts_at", 3, -DAY)),
        Run("jobs remind"),
        Run("jobs remind"),
    )


def a_cancellation_at(place: int, days: int, microseconds: int) -> tuple[Step, ...]:
    """An order is cancelled at a step of the ladder, so many days before the start."""
    return (
        Run("jobs reconcile"),
        Wait(Moment("events.starts_at", place, -days * DAY, microseconds)),
        Send("POST", f"/orders/<order {place}>/cancel"),
    )


def guesses() -> tuple[Step, ...]:
    """Somebody guesses too often, and the organiser has to wait for five minutes."""
    guess = Send("POST", "/login", {"name": "Greta", "password": "wrong"}, who="eve")
    login = Send("POST", "/login", {"name": "Greta", "password": "correct horse"}, who="greta")
    return (*(guess,) * 6, login, Wait(Moment("failed_logins.at", 0, 5 * MINUTE)), login)


def a_ticket_shown_twice() -> tuple[Step, ...]:
    """A ticket is checked in twice, and its order can no longer be cancelled."""
    path = "/organiser/events/jazz"
    show = Send("POST", f"{path}/checkin", {"code": "<ticket 0>"}, who="greta")
    report = Send("GET", f"{path}/sales", query={"format": "csv"}, who="greta")
    return (show, show, Send("POST", "/orders/<order 0>/cancel"), report)


def a_form_sent_twice_at_once() -> tuple[Step, ...]:
    """The second click comes in while the first waits for the lock."""
    second = Send("POST", "/events/jazz/checkout", {**PURCHASE, "checkout_id": "both clicks"})
    return (
        replace(second, faults=(Fault("lock", 1, "lets in", second),)),
        second,
    )


def a_wait_for_the_lock_into_the_event() -> tuple[Step, ...]:
    """The event starts while a buyer waits for the lock."""
    until_it_starts = Fault("lock", 1, "takes time", Moment("events.starts_at", 4))
    return (Send("POST", "/events/soon/checkout", PURCHASE, faults=(until_it_starts,)),)


CANCELLATIONS = tuple(
    # The first order is for the first event, the third for the third.
    a_cancellation_at(place, days, microseconds)
    for place in (0, 2)
    for days in (14, 2, 0)
    for microseconds in (0, 1, -1)
)
STORIES = (
    a_post(),
    a_charge_that_comes_too_late(),
    a_hold_that_lapses(),
    a_charge_found_after_its_seats_are_gone(),
    an_offer_that_is_used(),
    a_day_before(),
    guesses(),
    a_ticket_shown_twice(),
    a_form_sent_twice_at_once(),
    a_wait_for_the_lock_into_the_event(),
)


@st.composite
def stories(draw: st.DrawFn) -> tuple[Step, ...]:
    """Steps that lead somewhere together, where single ones seldom would; some go wrong."""
    story = draw(st.sampled_from((STORIES,) * 2 + (CANCELLATIONS,)).flatmap(st.sampled_from))
    return tuple(draw(disturbed(step)) for step in story)


def _reaches_nothing(step: Step) -> bool:
    return isinstance(step, Send) and step.method == "GET" and not step.path.startswith("/share/a")


def _points_of(step: Step) -> tuple[str, ...]:
    path = step.path.split("/")[1] if isinstance(step, Send) else "other"
    return POINTS.get(path, POINTS["other"])


@st.composite
def faults(draw: st.DrawFn, points: tuple[str, ...]) -> Fault:
    """Something that goes wrong at a lock, a commit, a call or a mail."""
    point = draw(st.sampled_from(points))
    # Where a lock is held already, nobody comes in.
    effects = AT_ALL_POINTS if point == "inner lock" else AT_MOST_POINTS
    if "lock" not in point:
        effects += AFTER_IT_IS_DONE
    if point in ("gateway", "network"):
        effects += ("lies",) * 4
    effect = draw(st.sampled_from(effects))
    detail: Any = None
    if effect == "takes time":
        detail = draw(moments())
    elif effect == "lets in":
        detail = draw(plain_steps().filter(lambda step: not isinstance(step, Wait)))
    elif effect == "lies":
        lies = GATEWAY_LIES if point == "gateway" else NETWORK_LIES
        detail = draw(st.sampled_from(sorted(lies)))
    return Fault(point, draw(st.sampled_from((1, 1, 1, 1, 2, 2, 3, 4))), effect, detail)


@st.composite
def disturbed(draw: st.DrawFn, step: Step) -> Step:
    """The step, now and then with something that goes wrong in the middle of it."""
    number = draw(st.sampled_from((0, 0, 1, 1, 2)))
    if isinstance(step, Wait) or not number or _reaches_nothing(step) or step.faults:
        return step
    points = _points_of(step)
    return replace(step, faults=tuple(draw(faults(points)) for _ in range(number)))


def steps_or_story() -> st.SearchStrategy[tuple[Step, ...]]:
    """A single step, or now and then a story."""
    single = plain_steps().flatmap(disturbed).map(lambda step: (step,))
    return _either((20, single), (1, stories()))
