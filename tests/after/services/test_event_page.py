"""Finding the event of a page. What the event then offers is in test_checkout.py."""

import pytest

from after_service_layer.services.catalogue import find_event
from after_service_layer.services.errors import EventNotFound
from tests.after.services.factories import add, an_event


@pytest.mark.behaviour("event.page")
def test_a_published_event_is_found_by_its_slug(session):
    event = add(session, an_event("Jazz"))

    assert find_event(session, "jazz") == event


@pytest.mark.behaviour("event.unknown")
@pytest.mark.behaviour("checkout.unknown_event")
@pytest.mark.behaviour("waitlist.unknown_event")
@pytest.mark.parametrize("slug", ["nothing-at-all", "draft"])
def test_an_unknown_or_unpublished_event_is_not_found(session, slug):
    add(session, an_event("Draft", published=False))

    with pytest.raises(EventNotFound):
        find_event(session, slug)
