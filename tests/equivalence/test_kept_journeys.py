"""Journeys that once showed a difference, or broke a rule. Each is to do neither again.

`make prove` prints such a journey when it finds one: paste it here, give it a name, and mend the
apps until it passes. `tests/equivalence/steps.py` says what the steps mean.
"""

import pytest

from tests.equivalence import values
from tests.equivalence.journeys import Traveller
from tests.equivalence.outside import Fault
from tests.equivalence.steps import Moment, Run, Send, Wait, Webhook
from tests.equivalence.world import PURCHASE, SECURE_SITE

HOUR, DAY = 3600, 86400
ENCODED_ADDRESS = "=?utf-8?q?x=0Ay?=@example.org"
TITLE_WITH_A_HEADER = "Jazz =?utf-8?q?=0D=0ABcc:_eve=40evil.example?="


@pytest.fixture(scope="module")
def traveller():
    traveller = Traveller()
    yield traveller
    traveller.close()


@pytest.fixture
def travel(traveller):
    return lambda *steps, **options: traveller.travel(steps, **options)


def lock_takes_until(column, row=0, seconds=0, microseconds=1):
    return (Fault("lock", 1, "takes time", Moment(column, row, seconds, microseconds)),)


def edit(slug, **differences):
    """A change of an event by its organiser."""
    form = {
        "title": "Jazz",
        "slug": slug,
        "summary": "Loud.",
        "venue": "Mill Barn",
        "category": "music",
        "starts_at": "2027-03-20 12:00",
        "capacity": "8",
        "price": "12.50",
        "early_bird_price": "",
        "early_bird_until": "",
        "max_per_order": "10",
        "published": "y",
    }
    path = f"/organiser/events/{slug}/edit"
    return Send("POST", path, {**form, **differences}, who="greta")


# One instant a use case: that at which the wait for the lock is over.


@pytest.mark.parametrize("before_the_start", [14 * DAY, 2 * DAY])
def test_a_cancellation_goes_by_the_instant_of_its_lock(travel, before_the_start):
    faults = lock_takes_until("events.starts_at", seconds=-before_the_start)
    travel(Send("POST", "/orders/<order 0>/cancel", faults=faults))


def test_no_cancellation_once_the_event_has_started_during_the_wait(travel):
    faults = lock_takes_until("events.starts_at")
    travel(Send("POST", "/orders/<order 0>/cancel", faults=faults))


def test_a_check_in_goes_by_the_instant_of_its_lock(travel):
    faults = (Fault("lock", 1, "takes time", Moment("orders.hold_until")),)
    form = {"code": "<ticket 0>"}
    travel(
        Send("POST", "/organiser/events/jazz/checkin", form, who="greta", faults=faults),
    )


def test_a_capacity_can_be_cut_once_a_hold_has_lapsed_during_the_wait(travel):
    faults = lock_takes_until("orders.hold_until", row=2)
    step = edit("gala", capacity="5", starts_at="2027-03-15 12:10")
    travel(Send("POST", step.path, step.form, who="greta", faults=faults))


def test_offers_of_the_job_hold_from_the_lock_on(travel):
    lapsed = Moment("orders.hold_until", 2, 0, 1)
    a_minute_later = (Fault("lock", 1, "takes time", Moment("orders.hold_until", 2, 60)),)
    travel(
        edit("gala", capacity="7"),
        Send("POST", "/events/gala/waitlist", {"email": "eve@example.org", "quantity": "1"}),
        Wait(lapsed),
        Run("jobs expire", faults=a_minute_later),
    )


def test_a_checkout_does_not_read_the_clock_again_once_its_voucher_is_locked(travel):
    faults = (Fault("inner lock", 1, "takes time", Moment("vouchers.valid_until", 6, 0, 1)),)
    travel(Send("POST", "/events/jazz/checkout", {**PURCHASE, "voucher": "GONE"}, faults=faults))


# What waits for no lock, and what is no field.


@pytest.mark.parametrize("page", ["/events/jazz/checkout", "/events/quiz/waitlist"])
def test_an_invalid_form_does_not_wait_for_the_database(travel, page):
    travel(Send("POST", page, {"email": "ada"}, faults=(Fault("lock", 1, "fails"),)))


@pytest.mark.parametrize("field", ["checkout_id", "name", "voucher", "card_token", "offer"])
def test_an_uploaded_file_is_a_missing_field(travel, field):
    travel(Send("POST", "/events/jazz/checkout", body=values.file_parts((field,))))


@pytest.mark.parametrize(
    "path",
    [
        "/events/jazz/checkout",
        "/events/quiz/waitlist",
        "/login",
        "/organiser/events/new",
        "/organiser/vouchers",
        "/organiser/events/jazz/checkin",
    ],
)
def test_bodies_that_are_no_form_are_missing_fields(travel, path):
    bodies = [body for body in values.BODIES if len(body.content) < 1000]
    travel(*(Send("POST", path, body=body, who="greta") for body in bodies))


# A typed value does not become a header, a receiver or another number.


def test_an_encoded_address_is_refused_with_the_form(travel):
    travel(Send("POST", "/events/jazz/checkout", {**PURCHASE, "email": ENCODED_ADDRESS}))


def test_an_encoded_address_does_not_wait_for_seats(travel):
    form = {"email": ENCODED_ADDRESS, "quantity": "1"}
    travel(
        Send("POST", "/orders/<order 1>/cancel", faults=(Fault("lock", 1, "kills before"),)),
        Send("POST", "/events/quiz/waitlist", form),
        edit("quiz", capacity="9", starts_at="2027-03-20 12:00"),
    )


def test_an_encoded_address_does_not_change_who_gets_the_mail(travel):
    form = {**PURCHASE, "email": "=?utf-8?q?a=40victim.example?=@example.org"}
    travel(Send("POST", "/events/jazz/checkout", form))


def test_a_title_stays_one_header(travel):
    travel(
        edit("jazz", title=TITLE_WITH_A_HEADER),
        Send("POST", "/events/jazz/checkout", PURCHASE),
    )


@pytest.mark.parametrize("quantity", ["１", "1_0", "+1", "٣"])
def test_a_number_of_seats_is_in_ascii_digits(travel, quantity):
    travel(Send("POST", "/events/gala/checkout", {**PURCHASE, "quantity": quantity}))


def test_the_year_1_is_no_date(travel):
    travel(edit("jazz", starts_at="0001-01-01 00:00"))


# No secret goes to another visitor.


def test_a_checkout_id_of_another_buyer_leads_to_nothing(travel):
    form = {**PURCHASE, "checkout_id": "<checkout id 1>", "email": "eve@example.org"}
    travel(
        Send("POST", "/events/quiz/checkout", form, who="eve"),
        Send("POST", "/events/jazz/checkout", form, who="eve"),
    )


def test_links_in_mails_do_not_depend_on_the_host_of_the_request(travel):
    travel(Send("POST", "/events/jazz/checkout", PURCHASE, host="http://elsewhere.example"))


def test_with_https_the_shop_answers_to_its_own_port_only(travel):
    travel(
        Send("GET", "/about", host="https://shop.example:8443"),
        Send("GET", "/about", host="https://shop.example:443"),
        site=SECURE_SITE,
    )


def test_guesses_sent_in_parallel_are_counted(travel):
    guess = Send("POST", "/login", {"name": "Greta", "password": "wrong"})
    for _ in range(8):
        among_them = (Fault("lock", 1, "lets in", guess),)
        guess = Send("POST", "/login", {"name": "Greta", "password": "wrong"}, faults=among_them)
    travel(guess)


def test_an_error_log_does_not_have_the_address_of_an_order(travel):
    travel(Send("POST", "/orders/<order 0>/cancel", faults=(Fault("lock", 1, "breaks"),)))


# What is unexpected, and what comes late.


@pytest.mark.parametrize("point", ["gateway", "mail"])
def test_an_unexpected_error_outside_is_no_clear_answer(travel, point):
    faults = (Fault(point, 1, "breaks"),)
    travel(
        Send("POST", "/events/jazz/checkout", PURCHASE, faults=faults),
        Send("POST", "/orders/<order 0>/cancel", faults=faults),
        Run("jobs reconcile", faults=faults),
    )


def test_an_unexpected_error_at_a_commit_leaves_no_lock_behind(travel):
    other_visitor = Send("POST", "/events/none/waitlist", who="eve")
    faults = (Fault("commit", 1, "breaks"), Fault("lock", 1, "lets in", other_visitor))
    guess = {"name": "Greta", "password": "wrong"}
    travel(Send("POST", "/login", guess, faults=faults), Run("jobs reconcile"))


# Changes planted to try these tests out, which other tests had let pass.


@pytest.mark.parametrize("age", [300.9, 300.000001, -300.9])
def test_a_webhook_is_too_old_by_a_fraction_of_a_second(travel, age):
    travel(Webhook("charge.succeeded", 2, age))


def test_a_buyer_gets_a_mail_about_a_refund_that_did_not_go_through_yet(travel):
    travel(
        Send("POST", "/events/jazz/checkout", {**PURCHASE, "card_token": "tok_declined"}),
        edit("jazz", capacity="2"),
        Webhook("charge.succeeded", -1, faults=(Fault("gateway", 1, "fails"),)),
    )


@pytest.mark.parametrize("lie", ["redirect", "redirect that keeps the method"])
def test_a_redirect_of_the_gateway_is_not_followed(travel, lie):
    faults = (Fault("gateway", 1, "lies", lie),)
    travel(Send("POST", "/events/jazz/checkout", PURCHASE, faults=faults))


def test_the_secret_of_an_order_is_compared_letter_by_letter(travel):
    travel(Send("GET", "/orders/<ORDER 0>"), Send("POST", "/orders/<ORDER 0>/cancel"))


@pytest.mark.parametrize("lie", ["1,000 bytes", "1,001 bytes"])
def test_credentials_are_kept_up_to_1000_bytes(travel, lie):
    travel(
        Send("GET", "/share/authorize", faults=(Fault("network", 1, "lies", lie),)),
        Send("GET", "/share/authorized", query={"oauth_token": "t" * 500, "oauth_verifier": "v"}),
    )
