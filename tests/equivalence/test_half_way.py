"""What is left half done: servers that fail, and processes that are killed at any point.

Then the jobs run, twice and two at once. In the end nothing is lost, and nothing done twice.
"""

import json
import time
from dataclasses import replace

import pytest

from tests.equivalence.servers import SLOW_SECONDS, address_of_nobody, closed_port
from tests.equivalence.shop import (
    DAY,
    HOUR,
    MINUTE,
    PRICE,
    check_invariants,
    done_by_jobs,
    statuses,
)

CHARGE, REFUND, LOOK = "POST /v1/charges", "POST /v1/refunds", "GET /v1/charges"
COMMIT = "commit"
# A mail is claimed, sent, and noted.
MAIL = (COMMIT, "mail", COMMIT)
JOBS = ("expire", "remind", "reconcile")


# The cases. Each prepares a shop, and returns what is to be killed, and who gets a mail of it.


def checkout(shop):
    task = shop.purchase(shop.add_event(capacity=1))
    return task, task.data["email"]


def free_checkout(shop):
    task = shop.purchase(shop.add_event(price_cents=0))
    return task, task.data["email"]


def declined_checkout(shop):
    event = shop.add_event(capacity=1)
    return shop.purchase(event, card_token="tok_declined"), shop.add_entry(event).email


def declined_offer(shop):
    event = shop.add_event(capacity=1)
    offer = shop.add_entry(event, "offered")
    shop.add_entry(event)
    card = {"card_token": "tok_declined"}
    return shop.purchase(event, email=offer.email, offer=offer.token, **card), offer.email


def cancellation(shop):
    event = shop.add_event(capacity=1, starts_at=shop.now + 3 * DAY)
    return shop.cancellation(shop.add_order(event)), shop.add_entry(event).email


def webhook(shop):
    order = shop.add_order(shop.add_event(capacity=1), "pending")
    [charge] = shop.bank.charges.values()
    return shop.webhook(charge), order.email


def webhook_too_late(shop):
    event = shop.add_event(capacity=1)
    order = shop.add_order(event, "expired", hold_until=shop.now - MINUTE)
    [charge] = shop.bank.charges.values()
    shop.add_order(event)
    return shop.webhook(charge), order.email


def expire(shop):
    event = shop.add_event(capacity=2)
    shop.add_order(event, "pending", charged=False, hold_until=shop.now - MINUTE)
    shop.add_entry(event, "offered", offered_until=shop.now - MINUTE)
    return shop.job("expire"), shop.add_entry(event, quantity=2).email


def remind(shop):
    return shop.job("remind"), shop.add_order(shop.add_event(starts_at=shop.now + 20 * HOUR)).email


def reconcile(shop):
    return shop.job("reconcile"), shop.add_order(shop.add_event(capacity=1), "pending").email


def reconcile_refund(shop):
    event = shop.add_event(starts_at=shop.now + 3 * DAY)
    order = shop.add_order(event, "cancelled", refund_cents=PRICE // 2, refund_state="due")
    return shop.job("reconcile"), order.email


# All that each of them does to the world, in order. The same in both apps.
EFFECTS = {
    checkout: (COMMIT, CHARGE, COMMIT, *MAIL),
    free_checkout: (COMMIT, COMMIT, *MAIL),
    declined_checkout: (COMMIT, CHARGE, COMMIT, COMMIT, *MAIL),
    declined_offer: (COMMIT, CHARGE, COMMIT, COMMIT),
    cancellation: (COMMIT, REFUND, COMMIT, COMMIT, *MAIL),
    webhook: (COMMIT, *MAIL),
    webhook_too_late: (COMMIT, REFUND, COMMIT, *MAIL),
    expire: (COMMIT, *MAIL),
    remind: MAIL,
    reconcile: (LOOK, COMMIT, *MAIL),
    reconcile_refund: (REFUND, COMMIT),
}


def name_of(case):
    return case.__name__


def points_of(*cases):
    """Return every point where a case can be killed: before each effect, and after the last."""
    return [
        pytest.param(case, before, id=f"{name_of(case)}-{before}-{effect}")
        for case in cases
        for before, effect in enumerate((*EFFECTS[case], "answer"))
    ]


def run_jobs(shop, *, mailed_twice=()):
    """Ask for charges now; when holds and claims have lapsed, run two of each job, all at once.

    After that there must be nothing left to do.
    """
    done_by_jobs([shop.do(shop.job("reconcile"))])
    check_invariants(shop)
    shop.now += 31 * MINUTE
    done_by_jobs(shop.at_once(*(shop.job(name) for name in JOBS * 2)))
    check_invariants(shop, mailed_twice=mailed_twice)
    assert done_by_jobs(shop.do(shop.job(name)) for name in JOBS) == {}
    check_invariants(shop, finished=True, mailed_twice=mailed_twice)


def killed_before_it_could_note(case, before):
    """Return whether a mail was sent, and nobody knows."""
    return before > 0 and EFFECTS[case][before - 1] == "mail"


@pytest.mark.parametrize("case", EFFECTS, ids=name_of)
def test_a_case_has_these_effects(shop, case):
    task, _ = case(shop)

    assert shop.do(task).effects == EFFECTS[case]
    run_jobs(shop)


@pytest.mark.parametrize(("case", "before"), points_of(*EFFECTS))
def test_after_a_kill_the_jobs_finish(shop, case, before):
    task, reader = case(shop)

    shop.kill(task, before)

    check_invariants(shop)
    run_jobs(shop, mailed_twice=[reader] if killed_before_it_could_note(case, before) else ())


def test_after_kills_everybody_tries_to_finish_at_once(shop):
    points = range(len(EFFECTS[checkout]) + 1)
    forms = [shop.purchase(shop.add_event(capacity=1)) for _ in points]
    twice = {forms[n].data["email"] for n in points if killed_before_it_could_note(checkout, n)}

    killed = shop.at_once(*(replace(form, die_before=before) for before, form in enumerate(forms)))
    webhooks = [shop.webhook(charge) for charge in shop.bank.charges.values()]
    answers = shop.at_once(*forms, *webhooks, shop.job("reconcile"), shop.job("expire"))

    assert killed == [None] * len(forms)
    assert {answer.status for answer in answers[: len(forms)]} == {303}
    assert len(shop.all("Order")) == len(forms)
    run_jobs(shop, mailed_twice=twice)


# What the servers can do to a checkout or a cancellation. Each returns settings of the app.


def mail_server_down(bank):
    return {"MAIL_PORT": closed_port()}


def gateway_unreachable(bank):
    return {"PAYMENTS_URL": address_of_nobody()}


def gateway_down(bank):
    bank.fail(status=503)
    return {}


def gateway_talks_garbage(bank):
    bank.fail(status=201, body="<html>")
    return {}


def gateway_acts_and_talks_garbage(bank):
    bank.lie = lambda said: "<html>"
    return {}


def gateway_acts_and_says_another_amount(bank):
    bank.lie = lambda said: json.dumps({**said, "amount": said["amount"] + 1})
    return {}


@pytest.mark.parametrize(
    ("trouble", "status", "finally_"),
    [
        (mail_server_down, 303, "paid"),
        (gateway_unreachable, 503, "expired"),
        (gateway_down, 503, "expired"),
        (gateway_talks_garbage, 503, "expired"),
        (gateway_acts_and_talks_garbage, 503, "paid"),
        (gateway_acts_and_says_another_amount, 503, "paid"),
    ],
)
def test_a_checkout_outlives_trouble(shop, trouble, status, finally_):
    form = shop.purchase(shop.add_event(capacity=1))

    answer = shop.do(replace(form, settings=trouble(shop.bank)))

    assert answer.status == status
    check_invariants(shop)
    shop.bank.lie = None
    run_jobs(shop)
    assert shop.statuses("Order") == [finally_]


@pytest.mark.parametrize("hears", ["by asking", "by a webhook"])
def test_a_slow_charge_is_found(shop, hears):
    form = shop.purchase(shop.add_event(capacity=1), card_token="tok_slow")

    answer = shop.do(replace(form, settings={"PAYMENTS_TIMEOUT": SLOW_SECONDS / 2}))
    if hears == "by asking":
        done_by_jobs(shop.at_once(*[shop.job("reconcile")] * 2))
    # Only now does the gateway answer, and then it sends its webhook.
    time.sleep(SLOW_SECONDS)
    if hears == "by a webhook":
        shop.at_once(*[shop.webhook(charge) for charge in shop.bank.charges.values()] * 2)

    assert answer.status == 503
    assert shop.statuses("Order") == ["paid"]
    run_jobs(shop)


@pytest.mark.parametrize(
    "trouble",
    [
        gateway_unreachable,
        gateway_down,
        gateway_talks_garbage,
        gateway_acts_and_talks_garbage,
        gateway_acts_and_says_another_amount,
    ],
)
def test_a_refund_outlives_trouble(shop, trouble):
    task, _ = cancellation(shop)

    answer = shop.do(replace(task, settings=trouble(shop.bank)))

    assert answer.status == 303
    assert [order.refund_state for order in shop.all("Order")] == ["due"]
    check_invariants(shop)
    shop.bank.lie = None
    run_jobs(shop)
    assert [order.refund_state for order in shop.all("Order")] == ["done"]
    assert len(shop.bank.refunds) == 1


def test_the_jobs_ask_until_they_get_an_answer(shop):
    order = shop.add_order(shop.add_event(capacity=1), "pending")
    shop.now += 31 * MINUTE
    for answer in ({"status": 500}, {"status": 200, "body": "<html>"}, {"status": 200}):
        shop.bank.fail(**answer)
        assert done_by_jobs([shop.do(shop.job("reconcile"))]) == {"charges still unknown": 1}
        shop.do(shop.job("expire"))
        check_invariants(shop)

    run_jobs(shop)

    assert shop.statuses("Order") == ["paid"]
    assert shop.letters.about("Your tickets") == [order.email]


def test_jobs_that_ask_too_early_ask_again(shop):
    order = shop.add_order(shop.add_event(capacity=1), "pending", charged=False)

    asked = done_by_jobs([shop.do(shop.job("reconcile"))])
    # Only now does the checkout reach the gateway, and then it is killed.
    shop.bank.charge(PRICE, order.reference)

    assert asked == {"charges still unknown": 1}
    run_jobs(shop)
    assert shop.statuses("Order") == ["paid"]


def test_a_charge_over_another_amount_is_left_to_people(shop):
    shop.add_order(shop.add_event(), "pending", total_cents=PRICE + 1)
    [charge] = shop.bank.charges.values()

    assert statuses(shop.at_once(*[shop.webhook(charge)] * 2)) == [200, 200]
    shop.now += 31 * MINUTE
    done = done_by_jobs(shop.do(shop.job(name)) for name in ("expire", "reconcile"))

    # Every further run says so again, until somebody has looked.
    assert done == {"expired orders": 1, "charges still unknown": 1}
    assert shop.letters.all == []
