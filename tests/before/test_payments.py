"""What becomes of an order when the gateway does not simply charge the card."""

import pytest
import requests

from tests.before.helpers import MINUTE, NOW, hidden_value, text_of


@pytest.mark.behaviour("checkout.declined")
def test_a_declined_card_makes_a_declined_order(add_event, buy, gateway, mailbox, stored):
    event = add_event()
    error = {"code": "card_declined", "message": "The bank refuses to pay."}
    gateway.answers("charges", status=402, json={"error": error})

    answer = buy(event, name="Ada O.")

    assert answer.status_code == 402
    assert "The card was declined: The bank refuses to pay." in text_of(answer)
    assert 'value="Ada O."' in answer.text
    assert [order.status for order in stored("Order")] == ["declined"]
    assert stored("Ticket") == mailbox.mails == []


@pytest.mark.behaviour("checkout.declined")
def test_after_a_declined_card_the_form_can_be_sent_with_another(add_event, buy, gateway, stored):
    event = add_event(capacity=1)
    gateway.answers("charges", status=402, json={"error": {"message": "No."}})
    gateway.charges()

    page = buy(event, card_token="tok_declined")
    answer = buy(event, checkout_id=hidden_value(page, "checkout_id"))

    assert answer.status_code == 303
    assert [order.status for order in stored("Order")] == ["declined", "paid"]


NO_CLEAR_ANSWERS = {
    "timeout": {"body": requests.ReadTimeout()},
    "no connection": {"body": requests.ConnectionError()},
    "broken off": {"body": requests.exceptions.ChunkedEncodingError()},
    "error": {"status": 500, "json": {"error": {"code": "oops", "message": "Sorry."}}},
    "proxy": {"status": 502, "body": "<h1>Bad gateway</h1>"},
    "wrong key": {"status": 401, "json": {"error": {"code": "key", "message": "Who?"}}},
    "key reused": {"status": 409, "json": {"error": {"code": "reused", "message": "Again?"}}},
    "elsewhere": {"status": 302, "headers": {"Location": "https://elsewhere.example/"}},
    "empty": {"status": 201, "body": ""},
    "web page": {"status": 201, "body": "<h1>Welcome</h1>"},
    "no object": {"status": 201, "json": ["succeeded"]},
    "nothing": {"status": 201, "body": "null"},
    "not UTF-8": {"status": 201, "body": b"\xff\xfe\xfd\xfc\xfb"},
    "too deep": {"status": 201, "body": "[" * 100_000},
    "too long": {"status": 201, "body": '{"amount": ' + "9" * 5000 + "}"},
    "declined, no reason": {"status": 402, "json": {"error": "declined"}},
}


@pytest.mark.behaviour("checkout.unanswered")
@pytest.mark.parametrize("answer", NO_CLEAR_ANSWERS.values(), ids=NO_CLEAR_ANSWERS)
def test_without_a_clear_answer_the_seats_are_held(
    add_event, buy, gateway, mailbox, stored, answer
):
    event = add_event()
    gateway.answers("charges", **answer)

    page = buy(event)

    [order] = stored("Order")
    assert page.status_code == 503
    assert "Your seats are held. We will confirm by e-mail." in text_of(page)
    assert f'href="/orders/{order.reference}/{order.secret}"' in page.text
    assert (order.status, order.hold_until) == ("pending", NOW + 30 * MINUTE)
    assert stored("Ticket") == mailbox.mails == []


@pytest.mark.behaviour("checkout.unanswered")
@pytest.mark.parametrize(
    "difference",
    [{"amount": 1}, {"reference": "OTHER"}, {"status": "failed"}, {"id": None}],
    ids=lambda difference: next(iter(difference)),
)
def test_a_success_that_is_not_about_this_charge_is_no_clear_answer(
    add_event, buy, gateway, stored, difference
):
    event = add_event()
    gateway.charges(**difference)

    assert buy(event).status_code == 503
    assert [order.status for order in stored("Order")] == ["pending"]


@pytest.mark.behaviour("checkout.unanswered")
def test_the_gateway_is_given_as_many_seconds_as_the_settings_say(add_event, buy, gateway):
    event = add_event()
    gateway.charges()

    buy(event)

    assert gateway.requests[0].req_kwargs["timeout"] == 5
