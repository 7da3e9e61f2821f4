"""Buying tickets: the form, the order and its seats, the mail."""

import json
import re
import smtplib
from itertools import chain

import pytest

from tests.kit.helpers import DAY, MINUTE, NOW, TICK, hidden_value, text_of

FREE = {"price_cents": 0}


@pytest.mark.behaviour("checkout.paid")
def test_a_charged_card_makes_a_paid_order_and_leads_to_it(add_event, buy, gateway, stored):
    event = add_event()
    gateway.charges(id="ch_777")

    answer = buy(event, quantity=3)

    [order] = stored("Order")
    assert answer.status_code == 303
    assert answer.location == f"/orders/{order.reference}/{order.secret}"
    assert (order.status, order.charge_id) == ("paid", "ch_777")
    assert (order.name, order.email) == ("Ada Okafor", "ada@example.org")


@pytest.mark.behaviour("checkout.paid")
def test_a_paid_order_has_a_ticket_for_each_seat(add_event, buy, gateway, stored):
    event = add_event()
    gateway.charges()

    buy(event, quantity=3)

    [order] = stored("Order")
    tickets = stored("Ticket")
    assert [ticket.order_id for ticket in tickets] == [order.id] * 3
    assert len({ticket.code for ticket in tickets}) == 3


@pytest.mark.behaviour("checkout.paid")
def test_the_gateway_is_asked_for_the_total_under_a_key_of_the_order(
    add_event, buy, gateway, stored
):
    event = add_event(price_cents=2500)
    gateway.charges()

    buy(event, quantity=2, card_token="tok_visa")

    [request] = gateway.requests
    [order] = stored("Order")
    assert json.loads(request.body) == {
        "amount": 5000,
        "currency": "EUR",
        "source": "tok_visa",
        "reference": order.reference,
    }
    assert request.headers["Authorization"] == "Bearer key of the shop"
    assert request.headers["Idempotency-Key"] == f"{order.reference}-1"


@pytest.mark.behaviour("checkout.paid")
def test_an_order_has_a_short_reference_and_an_unguessable_secret(add_event, buy, gateway, stored):
    event = add_event()
    for number in range(2):
        gateway.charges()
        buy(event, checkout_id=f"form-{number}")

    first, second = stored("Order")
    assert re.fullmatch("[ABCDEFGHJKLMNPQRSTUVWXYZ379]{5}", first.reference)
    assert first.reference != second.reference
    assert len(first.secret) >= 16
    assert first.secret != second.secret


@pytest.mark.behaviour("checkout.paid")
def test_a_reference_that_another_order_has_is_drawn_again(
    add_event, add_order, buy, gateway, monkeypatch, stored
):
    event = add_event()
    add_order(event, reference="AAAAA")
    letters = chain("AAAAA", "AAAAB")
    monkeypatch.setattr("secrets.choice", lambda accepted: next(letters))
    gateway.charges()

    buy(event)

    assert [order.reference for order in stored("Order")] == ["AAAAA", "AAAAB"]


@pytest.mark.behaviour("checkout.confirmation")
def test_a_paid_order_is_confirmed_by_mail(add_event, buy, gateway, mailbox, stored):
    event = add_event(price_cents=2500)
    gateway.charges()

    buy(event, quantity=2)

    [mail] = mailbox.mails
    [order] = stored("Order")
    assert mailbox.server == ("mail.example", 25)
    assert (mail["From"], mail["To"]) == ("shop@example.org", "ada@example.org")
    assert mail["Subject"] == "Your tickets for The Glass Orchestra"
    assert order.confirmation_sent_at == NOW


@pytest.mark.behaviour("checkout.free")
def test_a_free_event_needs_no_card_and_no_gateway(add_event, buy, gateway, mailbox, stored):
    event = add_event(**FREE)

    answer = buy(event, quantity=2, card_token="")

    [order] = stored("Order")
    assert answer.status_code == 303
    assert (order.status, order.total_cents, order.charge_id) == ("paid", 0, None)
    assert len(stored("Ticket")) == 2
    assert len(mailbox.mails) == 1
    assert gateway.requests == []


@pytest.mark.behaviour("checkout.free")
def test_a_voucher_over_everything_needs_no_card_and_no_gateway(
    add_event, add_voucher, buy, gateway, stored
):
    event = add_event()
    add_voucher("FRIENDS", kind="percent", value=100)

    answer = buy(event, voucher="FRIENDS", card_token="")

    [order] = stored("Order")
    assert answer.status_code == 303
    assert order.status == "paid"
    assert gateway.requests == []


@pytest.mark.behaviour("checkout.idempotent")
def test_the_same_form_sent_twice_is_charged_once(add_event, buy, gateway, mailbox, stored):
    event = add_event()
    gateway.charges()

    first, second = buy(event), buy(event)

    assert second.status_code == 303
    assert second.location == first.location
    assert len(gateway.requests) == len(mailbox.mails) == len(stored("Order")) == 1


@pytest.mark.behaviour("checkout.idempotent")
@pytest.mark.parametrize("status", ["pending", "paid", "declined", "expired", "cancelled"])
def test_a_checkout_id_seen_before_leads_to_its_order(
    add_event, add_order, buy, gateway, stored, status
):
    event = add_event()
    order = add_order(event, status, checkout_id="form-1", email="ada@example.org")

    answer = buy(event, checkout_id="form-1", email="Ada@Example.org")

    assert answer.status_code == 303
    assert answer.location == f"/orders/{order.reference}/{order.secret}"
    assert [order.status for order in stored("Order")] == [status]
    assert gateway.requests == []


@pytest.mark.behaviour("checkout.idempotent")
def test_a_form_that_was_sent_before_is_not_refused(add_event, add_order, buy):
    event = add_event(starts_at=NOW - DAY)
    order = add_order(event, checkout_id="form-1", email="ada@example.org")

    answer = buy(event, checkout_id="form-1", name="", quantity="none", voucher="NONE")

    assert answer.location == f"/orders/{order.reference}/{order.secret}"


@pytest.mark.behaviour("checkout.id_of_another")
@pytest.mark.parametrize("email", ["eve@example.org", "", "ada@example.org.evil.example"])
def test_a_checkout_id_with_another_address_does_not_show_the_order(
    add_event, add_order, buy, gateway, stored, email
):
    event = add_event()
    order = add_order(event, checkout_id="form-1", email="ada@example.org")

    answer = buy(event, checkout_id="form-1", email=email)

    assert answer.status_code == 409
    assert "This was sent before" in text_of(answer)
    assert order.secret not in answer.text and order.reference not in answer.text
    assert hidden_value(answer, "checkout_id") != "form-1"
    assert len(stored("Order")) == 1
    assert gateway.requests == []


@pytest.mark.behaviour("checkout.id_of_another")
def test_a_checkout_id_for_another_event_does_not_show_the_order(
    add_event, add_order, buy, gateway, stored
):
    jazz, blues = add_event("Jazz"), add_event("Blues")
    order = add_order(blues, checkout_id="form-1", email="ada@example.org")

    answer = buy(jazz, checkout_id="form-1")

    assert answer.status_code == 409
    assert order.secret not in answer.text and order.reference not in answer.text
    assert len(stored("Order")) == 1
    assert gateway.requests == []


@pytest.mark.behaviour("checkout.id_of_another")
def test_the_same_form_sent_for_two_events_at_once_makes_one_order(
    add_event, add_order, buy, monkeypatch, stored
):
    jazz, blues = add_event("Jazz"), add_event("Blues")

    def new_secret(*size):
        """Store the order of another buyer, after the app has looked for one."""
        if not stored("Order"):
            add_order(blues, checkout_id="form-1", email="ada@example.org")
        return "secret"

    monkeypatch.setattr("secrets.token_urlsafe", new_secret)

    answer = buy(jazz, checkout_id="form-1")

    [order] = stored("Order")
    assert order.event_id == blues.id
    assert answer.status_code == 409


@pytest.mark.behaviour("checkout.unknown_event")
def test_an_unpublished_event_cannot_be_bought(add_event, buy, stored):
    event = add_event(published=False, **FREE)

    answer = buy(event)

    assert answer.status_code == 404
    assert "There is no such event." in text_of(answer)
    assert stored("Order") == []


@pytest.mark.behaviour("checkout.unknown_event")
def test_an_unknown_event_cannot_be_bought(client):
    answer = client.post("/events/nothing-at-all/checkout")

    assert answer.status_code == 404
    assert "There is no such event." in text_of(answer)


@pytest.mark.behaviour("checkout.closed")
def test_from_the_start_on_nothing_is_sold(add_event, buy, stored):
    event = add_event(starts_at=NOW, **FREE)

    answer = buy(event)

    assert answer.status_code == 409
    assert "Sales are closed: the event has started." in text_of(answer)
    assert stored("Order") == []


@pytest.mark.behaviour("checkout.closed")
def test_closed_sales_go_before_an_invalid_form(add_event, buy):
    event = add_event(starts_at=NOW)

    assert buy(event, name="").status_code == 409


@pytest.mark.behaviour("checkout.invalid")
def test_an_invalid_form_is_shown_again_as_it_was_typed(add_event, buy, stored):
    event = add_event()

    page = buy(event, name="Ada O.", email="ada@", quantity="77", voucher="x1", card_token="c1")

    assert page.status_code == 422
    assert "Choose 1 to 10 seats." in text_of(page)
    assert stored("Order") == []
    for typed in ("Ada O.", "ada@", "77", "x1", "c1"):
        assert f'value="{typed}"' in page.text


@pytest.mark.behaviour("checkout.card_missing")
def test_without_a_card_nothing_can_be_paid(add_event, buy, stored):
    event = add_event()

    answer = buy(event, card_token=" ")

    assert answer.status_code == 422
    assert "Give a card: there is something to pay." in text_of(answer)
    assert stored("Order") == []


@pytest.mark.behaviour("checkout.sold_out")
@pytest.mark.parametrize(
    ("sold", "sentence"),
    [
        (8, "Not enough seats: 2 seats are left."),
        (9, "Not enough seats: 1 seat is left."),
        (10, "Not enough seats: 0 seats are left."),
    ],
)
def test_more_seats_than_are_left_are_refused(add_event, add_order, buy, stored, sold, sentence):
    event = add_event(capacity=10, **FREE)
    add_order(event, quantity=sold)

    answer = buy(event, quantity=3, name="Ada O.")

    assert answer.status_code == 409
    assert sentence in text_of(answer)
    assert 'value="Ada O."' in answer.text
    assert "Join the waiting list" in text_of(answer)
    assert len(stored("Order")) == 1


@pytest.mark.behaviour("checkout.sold_out")
def test_the_last_seats_can_be_bought(add_event, add_order, buy):
    event = add_event(capacity=10, **FREE)
    add_order(event, quantity=7)

    assert buy(event, quantity=3).status_code == 303


@pytest.mark.behaviour("checkout.seats.held")
def test_the_seats_of_an_unpaid_order_come_free_after_half_an_hour(add_event, buy, clock, gateway):
    event = add_event(capacity=1)
    gateway.answers("charges", status=500)
    gateway.charges()

    assert buy(event, checkout_id="form-1").status_code == 503
    clock.move_to(NOW + 30 * MINUTE)
    assert buy(event, checkout_id="form-2").status_code == 409
    clock.move_to(NOW + 30 * MINUTE + TICK)
    assert buy(event, checkout_id="form-3").status_code == 303


@pytest.mark.behaviour("checkout.mail_failed")
@pytest.mark.parametrize(
    "failure",
    [ConnectionRefusedError(), TimeoutError(), smtplib.SMTPRecipientsRefused({})],
    ids=lambda failure: type(failure).__name__,
)
def test_a_mail_that_cannot_be_sent_loses_no_order(
    add_event, buy, gateway, mailbox, stored, failure
):
    event = add_event()
    gateway.charges()
    mailbox.failure = failure

    answer = buy(event)

    [order] = stored("Order")
    assert answer.status_code == 303
    assert (order.status, order.confirmation_sent_at) == ("paid", None)
    assert len(stored("Ticket")) == 1
