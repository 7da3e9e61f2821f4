"""The kit of the services' tests: a session, fakes, and the services. No app, no client.

A service is imported in the fixture that makes it: a test needs only the services that it uses.
"""

import secrets

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from after_service_layer.models import Base
from tests.after.services.fakes import FakeClock, FakeMailer, FakePayments


@pytest.fixture(scope="session")
def engine(pytestconfig):
    """A database with its tables, for all tests: to make them takes longer than a test."""
    engine = create_engine(pytestconfig.getoption("database"))
    Base.metadata.create_all(engine)
    yield engine
    Base.metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def session(engine):
    """A session as the app's, on a database with empty tables."""
    with Session(engine, expire_on_commit=False) as session:
        yield session
    with engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


@pytest.fixture
def payments():
    return FakePayments()


@pytest.fixture
def mailer():
    return FakeMailer()


@pytest.fixture
def fake_clock():
    """The clock of all services."""
    return FakeClock()


@pytest.fixture
def notifications(session, mailer, fake_clock):
    from after_service_layer.services.notifications import Notifications

    return Notifications(session, mailer=mailer, clock=fake_clock)


@pytest.fixture
def refunds(session, payments):
    from after_service_layer.services.refunds import Refunds

    return Refunds(session, payments=payments)


@pytest.fixture
def waiting_list(session, notifications, fake_clock):
    from after_service_layer.services.waiting_list import WaitingList

    return WaitingList(
        session, notifications=notifications, clock=fake_clock, new_secret=secrets.token_urlsafe
    )


@pytest.fixture
def event_management(session, waiting_list, fake_clock):
    from after_service_layer.services.event_management import EventManagement

    return EventManagement(session, waiting_list=waiting_list, clock=fake_clock)


@pytest.fixture
def expiry(session, waiting_list, fake_clock):
    from after_service_layer.services.maintenance import Expiry

    return Expiry(session, waiting_list=waiting_list, clock=fake_clock)


@pytest.fixture
def reminders(session, notifications, fake_clock):
    from after_service_layer.services.maintenance import Reminders

    return Reminders(session, notifications=notifications, clock=fake_clock)


@pytest.fixture
def settlement(session, refunds, notifications, waiting_list, fake_clock):
    from after_service_layer.services.settlement import Settlement

    return Settlement(
        session,
        refunds=refunds,
        notifications=notifications,
        waiting_list=waiting_list,
        clock=fake_clock,
        new_secret=secrets.token_urlsafe,
    )


@pytest.fixture
def make_checkout(session, payments, settlement, fake_clock):
    """Return a function that makes a checkout, with other dependencies where a test says so."""
    from after_service_layer.services.checkout import Checkout

    def make_checkout(**differences):
        usual = {
            "payments": payments,
            "settlement": settlement,
            "clock": fake_clock,
            "new_secret": secrets.token_urlsafe,
            "choose": secrets.choice,
        }
        return Checkout(session, **{**usual, **differences})

    return make_checkout


@pytest.fixture
def checkout(make_checkout):
    return make_checkout()


@pytest.fixture
def cancellation(session, refunds, waiting_list, fake_clock):
    from after_service_layer.services.cancellation import Cancellation

    return Cancellation(session, refunds=refunds, waiting_list=waiting_list, clock=fake_clock)


@pytest.fixture
def reconciliation(session, payments, settlement, refunds, notifications, fake_clock):
    from after_service_layer.services.maintenance import Reconciliation

    return Reconciliation(
        session,
        payments=payments,
        settlement=settlement,
        refunds=refunds,
        notifications=notifications,
        clock=fake_clock,
    )
