"""The services as the app puts them together: with its database, its settings, its clock."""

import json

import pytest

from after_service_layer.services.base import Service
from after_service_layer.wiring import default_services
from tests.kit.helpers import DAY, HOUR, NOW, oauth_of, oauth_signature

DEFAULTS = default_services(
    {
        "SHARE_URL": "https://network.example",
        "SHARE_CLIENT_KEY": "key",
        "SHARE_CLIENT_SECRET": "secret",
    }
)


@pytest.mark.behaviour("checkout.paid")
def test_a_purchase_asks_the_gateway_of_the_settings(add_event, buy, gateway, stored):
    gateway.charges(id="ch_777")

    answer = buy(add_event(), card_token="tok_visa")

    [order] = stored("Order")
    [request] = gateway.requests
    assert answer.location == f"/orders/{order.reference}/{order.secret}"
    assert (order.status, order.charge_id, order.created_at) == ("paid", "ch_777", NOW)
    assert json.loads(request.body)["reference"] == order.reference
    assert request.headers["Authorization"] == "Bearer key of the shop"
    assert request.req_kwargs["timeout"] == 5


@pytest.mark.behaviour("checkout.confirmation")
def test_a_paid_order_is_confirmed_by_the_mail_server_of_the_settings(
    add_event, buy, gateway, mailbox
):
    gateway.charges()

    buy(add_event())

    [mail] = mailbox.mails
    assert mailbox.server == ("mail.example", 25)
    assert (mail["From"], mail["To"]) == ("shop@example.org", "ada@example.org")


@pytest.mark.behaviour("cancel.half_refund")
def test_a_cancellation_asks_the_gateway_of_the_settings(
    add_event, add_order, cancel, gateway, stored
):
    order = add_order(add_event(starts_at=NOW + 3 * DAY))
    gateway.refunds()

    answer = cancel(order)

    [request] = gateway.requests
    assert answer.location == f"/orders/{order.reference}/{order.secret}"
    assert json.loads(request.body) == {"charge": "ch_earlier", "amount": 1250}
    assert request.headers["Authorization"] == "Bearer key of the shop"
    assert request.req_kwargs["timeout"] == 5
    assert [order.refund_state for order in stored("Order")] == ["done"]


@pytest.mark.behaviour("webhook.succeeded")
def test_a_webhook_settles_the_order_it_is_about(add_event, add_order, mailbox, stored, webhook):
    order = add_order(add_event(), "pending")

    assert webhook(order, id="ch_777").status_code == 200

    [paid] = stored("Order")
    assert (paid.status, paid.charge_id) == ("paid", "ch_777")
    assert [mail["Subject"] for mail in mailbox.mails] == ["Your tickets for The Glass Orchestra"]


@pytest.mark.behaviour("waitlist.joined")
def test_a_new_entry_of_the_waiting_list_is_stored(add_event, add_order, client, stored):
    event = add_event(capacity=1)
    add_order(event)

    client.post(f"/events/{event.slug}/waitlist", data={"email": "c@d.org", "quantity": "1"})

    [entry] = stored("WaitlistEntry")
    assert (entry.email, entry.created_at, len(entry.token)) == ("c@d.org", NOW, 43)


@pytest.mark.behaviour("waitlist.served")
@pytest.mark.behaviour("offer.mail")
def test_a_cancellation_serves_the_waiting_list(add_entry, add_event, add_order, cancel, mailbox):
    event = add_event(capacity=2)
    add_entry(event, email="cleo@example.org", quantity=2, token="Cleo-s-key")

    cancel(add_order(event, quantity=2, total_cents=0))

    [mail] = mailbox.mails
    text = mail.get_content()
    assert mail["To"] == "cleo@example.org"
    assert "2027-03-03 12:00 UTC" in text
    assert "Seats: 2\n" in text
    assert "http://127.0.0.1:5000/waitlist/Cleo-s-key\n" in text


@pytest.mark.behaviour("jobs.expire")
def test_the_job_expire_has_its_links_from_the_settings(add_entry, add_event, mailbox, run_job):
    entry = add_entry(add_event())

    assert run_job("expire") == {"new offers": 1, "offers mailed": 1}

    [mail] = mailbox.mails
    assert f"http://127.0.0.1:5000/waitlist/{entry.token}\n" in mail.get_content()


@pytest.mark.behaviour("jobs.remind")
def test_the_job_remind_sends_tickets_and_link(add_event, add_order, mailbox, models, run_job):
    tickets = [models.Ticket(code="code-1"), models.Ticket(code="code-2")]
    order = add_order(add_event(starts_at=NOW + HOUR), quantity=2, tickets=tickets)

    assert run_job("remind") == {"reminders sent": 1}

    [mail] = mailbox.mails
    text = mail.get_content()
    assert all(code in text for code in ("code-1", "code-2"))
    assert f"http://127.0.0.1:5000/orders/{order.reference}/{order.secret}\n" in text


@pytest.mark.behaviour("jobs.reconcile.charges")
def test_the_job_reconcile_asks_the_gateway_of_the_settings(
    add_event, add_order, gateway, mailbox, run_job
):
    order = add_order(add_event(capacity=0), "expired", total_cents=2501)
    gateway.knows(order)
    gateway.refunds()

    assert run_job("reconcile") == {"charges settled": 1}

    assert [request.method for request in gateway.requests] == ["GET", "POST"]
    [mail] = mailbox.mails
    assert "Refund: €25.01\n" in mail.get_content()


@pytest.mark.behaviour("share.authorize")
def test_the_network_is_asked_with_key_and_secret_of_the_settings(begin, network):
    begin()

    [request] = network.requests
    assert request.url == "https://network.example/oauth/request_token"
    assert oauth_of(request)["oauth_consumer_key"] == "key of the shop at the network"
    assert oauth_of(request)["oauth_signature"] == oauth_signature(request)
    assert request.req_kwargs["timeout"] == 5


@pytest.mark.behaviour("share.authorized")
@pytest.mark.behaviour("share.post")
def test_a_post_is_signed_with_what_the_visitor_brought_back(
    add_event, add_order, client, connect, network
):
    order = add_order(add_event())
    connect()
    network.takes_post()

    client.post(f"/share/{order.reference}/{order.secret}")

    request = network.requests[-1]
    assert request.url == "https://network.example/statuses"
    assert oauth_of(request)["oauth_token"] == "lasting"
    assert oauth_of(request)["oauth_signature"] == oauth_signature(request, "lasting secret")


@pytest.mark.behaviour("share.disconnect")
def test_after_disconnecting_a_post_is_refused(add_event, add_order, client, connect):
    order = add_order(add_event())
    connect()

    client.post("/share/disconnect")

    assert client.post(f"/share/{order.reference}/{order.secret}").status_code == 409


@pytest.mark.behaviour("share.visitors")
def test_what_one_visitor_connects_is_not_connected_for_another(
    add_event, add_order, app, client, connect
):
    order = add_order(add_event())
    connect(client)

    page = app.test_client().get(f"/share/{order.reference}/{order.secret}")

    assert 'href="/share/authorize' in page.text


@pytest.mark.behaviour("services.arguments")
@pytest.mark.parametrize(
    ("blueprint", "name"),
    [(blueprint, name) for blueprint in DEFAULTS for name in DEFAULTS[blueprint]],
)
def test_every_default_service_can_be_had_from_its_blueprint(app, blueprint, name):
    [kind] = [
        kind
        for kind in Service.__subclasses__()
        if kind.__name__ == name and kind.__module__.startswith("after_service_layer.")
    ]

    with app.app_context():
        assert type(kind.from_context(blueprint)) is kind


@pytest.mark.behaviour("services.blueprint")
def test_every_default_blueprint_is_one_of_the_app(app):
    # No request leads to a job: its services are named for `jobs`.
    assert DEFAULTS.keys() - {"jobs"} <= app.blueprints.keys()
