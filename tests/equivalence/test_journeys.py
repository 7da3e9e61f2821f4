"""A few random journeys, other ones each time. `make prove` goes on many."""

from secrets import randbelow

import pytest

from tests.equivalence.journeys import Traveller, explore, shorten

REQUESTS = 250


@pytest.fixture(scope="module")
def traveller():
    traveller = Traveller()
    yield traveller
    traveller.close()


def test_random_journeys_show_no_difference_and_break_no_rule(traveller):
    number = randbelow(1_000_000)

    failure = explore(traveller, requests=REQUESTS, number=number)

    if failure is not None:
        shortest = shorten(traveller, failure)
        pytest.fail(f"With seed {number}:\n{shortest.text()}", pytrace=False)
    assert traveller.tally.requests >= REQUESTS
