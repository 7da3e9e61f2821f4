"""What becomes of an order when the gateway does not simply charge the card."""

import pytest
import requests

from tests.kit.helpers import MINUTE, NOW, TICK, hidden_value, text_of


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
def test_the_gateway_is_not_followed_elsewhere(add_event, buy, gateway, stored):
    event = add_event()
    gateway.redirects("charges")

    assert buy(event).status_code == 503
    assert [order.status for order in stored("Order")] == ["pending"]
    assert len(gateway.requests) == 1


@pytest.mark.behaviour("checkout.unanswered")
def test_the_gateway_is_given_as_many_seconds_as_the_settings_say(add_event, buy, gateway):
    event = add_event()
    gateway.charges()

    buy(event)

    assert gateway.requests[0].req_kwargs["timeout"] == 5


@pytest.fixture
def meanwhile(gateway, stored):
    """Return a function that lets something happen to the order before the gateway's answer."""

    def meanwhile(act):
        def answer_late(response):
            gateway.transport.response_callback = None
            act(stored("Order")[0])
            return response

        gateway.transport.response_callback = answer_late

    return meanwhile


@pytest.mark.behaviour("checkout.overtaken")
def test_a_success_that_the_webhook_reports_first_counts_once(
    add_event, buy, gateway, mailbox, meanwhile, stored, webhook
):
    gateway.charges(id="ch_1")
    meanwhile(lambda order: webhook(order, id="ch_1"))

    answer = buy(add_event(), quantity=2)

    [order] = stored("Order")
    assert answer.location == f"/orders/{order.reference}/{order.secret}"
    assert (order.status, order.charge_id) == ("paid", "ch_1")
    assert len(stored("Ticket")) == 2
    assert len(mailbox.mails) == 1


@pytest.mark.behaviour("checkout.overtaken")
def test_a_success_that_the_webhook_reports_first_is_not_undone(
    add_event, buy, gateway, meanwhile, stored, webhook
):
    gateway.answers("charges", status=402, json={"error": {"message": "No."}})
    meanwhile(webhook)

    buy(add_event())

    assert [order.status for order in stored("Order")] == ["paid"]


@pytest.mark.behaviour("checkout.overtaken")
def test_a_failure_that_the_webhook_reports_first_serves_the_waiting_list_once(
    add_entry, add_event, buy, gateway, mailbox, meanwhile, stored, webhook
):
    event = add_event(capacity=1)
    add_entry(event)
    gateway.answers("charges", status=402, json={"error": {"message": "No."}})
    meanwhile(lambda order: webhook(order, "charge.failed"))

    buy(event)

    assert [order.status for order in stored("Order")] == ["declined"]
    assert [entry.status for entry in stored("WaitlistEntry")] == ["offered"]
    assert len(mailbox.mails) == 1


@pytest.mark.behaviour("checkout.overtaken")
@pytest.mark.behaviour("offer.taken")
@pytest.mark.parametrize("capacity", [1, 2])
def test_a_success_after_a_failed_webhook_takes_the_offer_again(
    add_entry, add_event, buy, gateway, meanwhile, stored, webhook, capacity
):
    event = add_event(capacity=capacity)
    add_entry(event, "offered", email="ada@example.org", token="Ada-s-key")
    gateway.charges(id="ch_1")
    meanwhile(lambda order: webhook(order, "charge.failed"))

    buy(event, offer="Ada-s-key")

    assert [order.status for order in stored("Order")] == ["paid"]
    assert [entry.status for entry in stored("WaitlistEntry")] == ["taken"]


@pytest.mark.behaviour("checkout.overtaken")
def test_an_order_that_a_webhook_pays_while_the_queue_is_served_is_not_shown_as_declined(
    add_event, buy, gateway, models, monkeypatch, stored, webhook
):
    gateway.answers("charges", status=402, json={"error": {"message": "No."}})
    lock, locks = models.Lockable.lock, []

    def lock_late(row):
        locks.append(row)
        # The first holds the seats, the second declines the order, the third serves the queue.
        if len(locks) == 3:
            monkeypatch.setattr(models.Lockable, "lock", lock)
            assert webhook(stored("Order")[0]).status_code == 200
        lock(row)

    monkeypatch.setattr(models.Lockable, "lock", lock_late)

    answer = buy(add_event())

    [order] = stored("Order")
    assert order.status == "paid"
    assert answer.location == f"/orders/{order.reference}/{order.secret}"


@pytest.fixture
def expire_meanwhile(clock, meanwhile, run_job):
    """Return a function that lets the hold lapse, and the job run, before the answer."""

    def expire_meanwhile(and_then=lambda: None):
        def act(order):
            clock.move_to(order.hold_until + TICK)
            run_job("expire")
            and_then()

        meanwhile(act)

    return expire_meanwhile


@pytest.mark.behaviour("checkout.overtaken")
def test_an_order_that_expired_meanwhile_is_paid_while_seats_remain(
    add_event, buy, expire_meanwhile, gateway, stored
):
    gateway.charges()
    expire_meanwhile()

    assert buy(add_event(capacity=1)).status_code == 303
    assert [order.status for order in stored("Order")] == ["paid"]


@pytest.mark.behaviour("checkout.overtaken")
def test_an_order_whose_seats_are_sold_meanwhile_is_refunded(
    add_event, add_order, buy, client, expire_meanwhile, gateway, mailbox, stored
):
    event = add_event(capacity=1)
    gateway.charges()
    gateway.refunds()
    expire_meanwhile(lambda: add_order(event))

    page = client.get(buy(event).location)

    assert "The payment came too late" in text_of(page)
    assert "We have refunded €25.00." in text_of(page)
    late, _ = stored("Order")
    assert (late.status, late.refund_cents, late.refund_state) == ("expired", 2500, "done")
    assert [mail["Subject"] for mail in mailbox.mails] == [
        "Your money back for The Glass Orchestra"
    ]


CHARGE_IDS = ["", "ch_\ud800", "ch\0", "ch\n", "x" * 256]


@pytest.mark.behaviour("checkout.unanswered")
@pytest.mark.parametrize("charge_id", CHARGE_IDS, ids=ascii)
def test_a_charge_id_that_cannot_be_kept_is_no_clear_answer(
    add_event, buy, gateway, stored, charge_id
):
    gateway.charges(id=charge_id)

    assert buy(add_event()).status_code == 503
    assert [order.status for order in stored("Order")] == ["pending"]


@pytest.mark.behaviour("checkout.declined")
@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("\ud800", "The bank gives no reason."),
        ("x" * 5000, "x" * 200),
        ("No.\0", "The bank gives no reason."),
    ],
    ids=["surrogate", "long", "NUL"],
)
def test_a_reason_that_cannot_be_shown_is_not(add_event, buy, gateway, stored, reason, shown):
    gateway.answers("charges", status=402, json={"error": {"message": reason}})

    answer = buy(add_event())

    assert answer.status_code == 402
    assert f"The card was declined: {shown} " in text_of(answer)
    assert [order.status for order in stored("Order")] == ["declined"]


@pytest.mark.behaviour("checkout.paid")
def test_the_key_of_the_shop_gives_way_to_no_other_password(
    add_event, buy, gateway, monkeypatch, tmp_path
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine gateway.example login another password another\n")
    monkeypatch.setenv("NETRC", str(netrc))
    gateway.charges()

    buy(add_event())

    assert gateway.requests[0].headers["Authorization"] == "Bearer key of the shop"


@pytest.mark.behaviour("log.no_keys")
def test_what_the_gateway_answers_is_not_logged(add_event, buy, caplog, gateway):
    gateway.answers("charges", status=500, json={"echo": "tok_visa", "more": "x\nINFO forged"})

    buy(add_event())

    assert "No answer on" in caplog.text and "status 500" in caplog.text
    assert "tok_visa" not in caplog.text and "forged" not in caplog.text
