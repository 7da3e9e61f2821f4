"""After the load: the jobs finish what is half done, and then all invariants must hold."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Event

from workbench.run import JOBS
from workbench.sandbox.gateway import TEST_CARDS
from workbench.soak.disturbances import Disturbances
from workbench.soak.invariants import (
    breaches,
    log_problems,
    secrets_of,
    store_records,
    surplus_copies,
)
from workbench.soak.shops import LAPSE, Shop, finish_job
from workbench.soak.visitors import Visitor

# The gateway gives up on a shop that has not answered its webhook after some ten seconds.
WEBHOOKS_TAKE = 20.0
MOST_ROUNDS = 8
MOST_FINDINGS = 10


def finish(shop: Shop, stop: Event) -> list[str]:
    """Run the jobs until they find nothing to do; return a sentence where they never do."""
    shop.fail_outside(mails=0, calls=0)
    deadline = time.monotonic() + WEBHOOKS_TAKE
    while not _webhooks_settled(shop) and time.monotonic() < deadline and not stop.wait(0.1):
        pass
    done: dict[str, int] | None = {}
    for _ in range(MOST_ROUNDS):
        # The offers stay valid: their holders may still come.
        shop.lapse(*(what for what in LAPSE if what != "offers"), settled=timedelta())
        done = {}
        for job in () if stop.is_set() else JOBS:
            numbers = finish_job(shop.start_job(job))
            if numbers is None:
                return [f"The job {job} failed."]
            done |= {what: number for what, number in numbers.items() if number}
        if not done:
            return []
    return [f"The jobs do not come to an end; the last of them did: {done}."]


def check(shop: Shop, visitors: Sequence[Visitor], disturbances: Disturbances) -> list[str]:
    """Return a sentence for all that is wrong with a shop whose visitors have gone."""
    seen: dict[str, str] = {}
    for visitor in visitors:
        seen |= visitor.seen
    with shop.engine.begin() as connection:
        store_records(
            connection,
            charges=shop.ledger.charges(),
            refunds=shop.ledger.refunds(),
            mails=shop.mailbox.mails,
            seen=seen,
        )
        problems = breaches(connection, datetime.now(UTC))
    problems += surplus_copies(shop.mailbox.arrivals, shop.kills + disturbances.job_kills)
    cookies = [value for visitor in visitors for value in visitor.secrets]
    secrets = [*secrets_of(shop.engine), *shop.secrets, *cookies, *TEST_CARDS]
    problems += log_problems(shop.log, secrets)
    problems += _wrong_webhooks(shop)
    findings = [finding for visitor in visitors for finding in visitor.findings]
    return problems + _shortened(findings + disturbances.findings)


def _webhooks_settled(shop: Shop) -> bool:
    return all(sent.answered or sent.abandoned for sent in shop.webhooks.deliveries)


def _wrong_webhooks(shop: Shop) -> list[str]:
    statuses = Counter(sent.status for sent in shop.webhooks.deliveries if sent.answered)
    return [
        f"The gateway's own webhooks were answered {status} {number} times."
        for status, number in statuses.items()
        if status != 200
    ]


def _shortened(findings: list[str]) -> list[str]:
    """Return the first of many findings, and how many there are."""
    more = len(findings) - MOST_FINDINGS
    return findings if more <= 0 else [*findings[:MOST_FINDINGS], f"And {more} more like these."]
