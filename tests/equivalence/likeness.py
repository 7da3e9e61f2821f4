"""Whether two shops, one of each app, are alike in all that can be seen of them."""

import re
from collections.abc import Collection, Iterator
from difflib import unified_diff
from itertools import islice

import pytest

from tests.equivalence.processes import Answer, Task
from tests.equivalence.servers import API_KEY, CLIENT_SECRET
from tests.equivalence.shop import PASSWORD, WEBHOOK_SECRET, Shop

SECRET_COLUMNS = {
    ("orders", "secret"),
    ("orders", "checkout_id"),
    ("tickets", "code"),
    ("waitlist_entries", "token"),
}
# Random values, made here or at the gateway. A checkout id comes with the form.
DRAWN_COLUMNS = {*SECRET_COLUMNS, ("orders", "reference"), ("orders", "charge_id")} - {
    ("orders", "checkout_id")
}
# Which request gets a lock first depends on chance, and the number of attempts does, too.
NOT_COMPARED = {"locks_taken", "password_hash"}
WORD = re.compile(r"[\w-]+")
# Keys of an app or of the network, and what protects a form.
RANDOM_TEXT = re.compile(r'(?<=csrf_token" value=")[^"]+|(?<=oauth_token=)\w+|[\w-]{43}|[\w-]{22}')
SECRET_FIELDS = {"card_token", "checkout_id", "code", "password"}
LINES_SHOWN = 40


def describe(shop: Shop, answer: Answer | None = None) -> list[str]:
    """Return all that can be seen of a shop, in lines; random values are left out."""
    text = "\n".join([*_answer(answer), *_rows(shop), *_outside(shop)])
    drawn = _drawn(shop, DRAWN_COLUMNS)
    text = WORD.sub(lambda word: "…" if word[0] in drawn else word[0], text)
    return RANDOM_TEXT.sub("…", text).replace(shop.network.url, "…").splitlines()


def assert_alike(seen: list[list[str]]) -> None:
    """Fail with what is different, where two descriptions are."""
    before, after = seen
    if before != after:
        diff = unified_diff(before, after, "before_mvt", "after_service_layer", n=1, lineterm="")
        pytest.fail("\n".join(islice(diff, LINES_SHOWN)), pytrace=False)


def secrets_of(shop: Shop, task: Task) -> set[str]:
    """Return all that must not be in a log: keys of this shop, its buyers and its tickets."""
    secrets = {API_KEY, WEBHOOK_SECRET, CLIENT_SECRET, PASSWORD, *_drawn(shop, SECRET_COLUMNS)}
    if isinstance(task.data, dict):
        secrets |= {task.data[name] for name in SECRET_FIELDS & task.data.keys()}
    return secrets


def _answer(answer: Answer | None) -> Iterator[str]:
    if answer is not None:
        yield f"{answer.status}, {answer.location}, {answer.effects}, {sorted(answer.session)}"
        yield from answer.text.splitlines()


def _rows(shop: Shop) -> Iterator[str]:
    for table, rows in shop.tables().items():
        for row in rows:
            facts = [f"{name} {fact}" for name, fact in row.items() if name not in NOT_COMPARED]
            yield f"{table}: {', '.join(facts)}"


def _outside(shop: Shop) -> Iterator[str]:
    for charge in shop.bank.charges.values():
        yield f"charge of {charge['amount']} for {charge['reference']}"
    yield from sorted(f"refund of {refund['amount']}" for refund in shop.bank.refunds.values())
    yield from (f"post: {post.status}" for post in shop.network.posts)
    for mail in sorted(shop.letters.all, key=lambda mail: mail["Message-ID"]):
        yield f"{mail['Message-ID']} to {mail['To']}: {mail['Subject']}"
        yield from mail.get_payload(decode=True).decode().splitlines()


def _drawn(shop: Shop, columns: Collection[tuple[str, str]]) -> set[str]:
    """Return the values of these columns."""
    tables = shop.tables()
    found = {row[column] for table, column in columns for row in tables[table]}
    return found - {None}
