"""Services by blueprint: how one is asked for, what it is made of, and how long it lives."""

import json
import logging
import re
from functools import partial
from types import SimpleNamespace

import pytest
from flask import Blueprint, Flask
from sqlalchemy import select

from after_service_layer.models import Order, Organiser
from after_service_layer.services.base import NoConfiguredService, Service
from after_service_layer.services.checkout import Checkout
from after_service_layer.services.notifications import Notifications
from after_service_layer.services.oauth1 import OAuth1Service
from after_service_layer.services.refunds import Refunds
from after_service_layer.services.waiting_list import WaitingList
from after_service_layer.wiring import override
from tests.after.factories import an_event, an_order
from tests.after.helpers import MINUTE, NOW, text_of

behaviour = pytest.mark.behaviour

closed = []


class Lamp(Service):
    """Keeps what it is made with."""

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs


class Radio(Service):
    """Needs nothing."""


class Candle(Service):
    """Cannot be made as long as it is wet."""

    is_wet = False

    def __init__(self):
        if self.is_wet:
            raise RuntimeError("It is wet.")


class Postman(Service):
    """Needs another service."""

    def __init__(self, letter="none", *, notifications):
        self.letter, self.notifications = letter, notifications

    def close(self):
        closed.append("Postman")


class Door(Service):
    def close(self):
        closed.append("Door")


class Window(Service):
    def close(self):
        closed.append("Window")


class FairCheckout(Checkout):
    """Sells as the other one does."""


LampElsewhere = type("Lamp", (Service,), {"__module__": "elsewhere"})

SERVICES = {
    "hall": {name: {} for name in ("Lamp", "Radio", "Candle", "Postman", "Door", "Window")},
    "attic": {"Lamp": {}, "Postman": {"letter": "from Ada"}},
    "house.cellar": {"Lamp": {"watts": 15}},
}
USABLE = {
    "TESTING": True,
    "WTF_CSRF_ENABLED": False,
    "SECRET_KEY": "any",
    "SQLALCHEMY_DATABASE_URI": "sqlite://",
}


@pytest.fixture(scope="module")
def make_shop(create_app):
    """Return a function that makes a shop with these SERVICES."""
    return lambda services: create_app({**USABLE, "SERVICES": services})


def watts():
    return str(Lamp.from_context().kwargs.get("watts"))


def cellars_watts():
    return str(Lamp.from_context("house.cellar").kwargs["watts"])


def fall():
    Door.from_context()
    raise RuntimeError("Somebody fell.")


@pytest.fixture(scope="module")
def house(make_shop):
    """A shop with blueprints of its own: `hall` and, inside `house`, `cellar`."""
    app = make_shop(SERVICES)
    hall, outer, cellar = (Blueprint(name, __name__) for name in ("hall", "house", "cellar"))
    for view in (watts, cellars_watts, fall):
        hall.get(f"/hall/{view.__name__}")(view)
    cellar.get("/cellar/watts")(watts)
    outer.register_blueprint(cellar)
    app.register_blueprint(hall)
    app.register_blueprint(outer)
    app.get("/watts")(watts)
    return app


@pytest.fixture
def in_context(house):
    """Keep one application context open during the test."""
    with house.app_context():
        yield


@pytest.fixture(autouse=True)
def _nothing_closed():
    closed.clear()


@behaviour("services.one_per_context")
def test_one_is_two(create_app):
    SERVICES = {
        "twitter_spam": {
            "OAuth1Service": (("http://api.twitter.com/oauth", "user", "pass"), {}),
        },
    }
    app = create_app({**USABLE, "SERVICES": SERVICES})

    with app.app_context():
        one = OAuth1Service.from_context(blueprint_name="twitter_spam")
        two = OAuth1Service.from_context(blueprint_name="twitter_spam")
    assert one is two


@behaviour("services.one_per_context")
def test_within_one_context_it_is_the_same_object(in_context):
    assert Lamp.from_context("hall") is Lamp.from_context("hall")


@behaviour("services.one_per_context")
def test_in_another_context_it_is_another(house):
    with house.app_context():
        one = Lamp.from_context("hall")
    with house.app_context():
        assert Lamp.from_context("hall") is not one


@behaviour("services.one_per_context")
def test_a_context_inside_another_has_a_service_of_its_own(house, in_context):
    one = Lamp.from_context("hall")
    with house.app_context():
        assert Lamp.from_context("hall") is not one
    assert Lamp.from_context("hall") is one


@behaviour("services.one_per_context")
def test_for_another_blueprint_it_is_another(in_context):
    assert Lamp.from_context("hall") is not Lamp.from_context("attic")


@behaviour("services.one_per_context")
def test_for_another_class_it_is_another(in_context):
    assert isinstance(Lamp.from_context("hall"), Lamp)
    assert isinstance(Radio.from_context("hall"), Radio)


@behaviour("services.one_per_context")
def test_two_classes_of_one_name_do_not_collide(in_context):
    assert type(Lamp.from_context("hall")) is Lamp
    assert type(LampElsewhere.from_context("hall")) is LampElsewhere


@behaviour("services.one_per_context")
def test_who_needs_a_service_gets_the_one_of_the_blueprint(in_context):
    hall = Postman.from_context("hall").notifications

    assert Postman.from_context("attic").notifications is not hall


@behaviour("services.arguments")
@pytest.mark.parametrize(
    ("configured", "args", "kwargs"),
    [
        ((("red", 2), {"watts": 60}), ("red", 2), {"watts": 60}),
        ([["red", 2], {"watts": 60}], ("red", 2), {"watts": 60}),
        (json.loads('[["red", 2], {"watts": 60}]'), ("red", 2), {"watts": 60}),
        (((), {"watts": 60}), (), {"watts": 60}),
        ((("red",), {}), ("red",), {}),
        ({"watts": 60}, (), {"watts": 60}),
        ({}, (), {}),
    ],
    ids=["tuple", "list", "JSON", "kwargs only", "args only", "dict", "empty dict"],
)
def test_args_and_kwargs_are_delivered(make_shop, configured, args, kwargs):
    with make_shop({"hall": {"Lamp": configured}}).app_context():
        lamp = Lamp.from_context("hall")

    assert (lamp.args, lamp.kwargs) == (args, kwargs)


@behaviour("services.arguments")
def test_each_blueprint_has_arguments_of_its_own(in_context):
    assert Postman.from_context("hall").letter == "none"
    assert Postman.from_context("attic").letter == "from Ada"


@behaviour("services.arguments")
def test_collaborators_come_by_the_names_of_the_parameters(in_context):
    assert isinstance(Postman.from_context("hall").notifications, Notifications)


@behaviour("services.arguments")
def test_an_error_in_a_constructor_reaches_the_caller(in_context, monkeypatch):
    monkeypatch.setattr(Candle, "is_wet", True)

    with pytest.raises(RuntimeError, match=r"It is wet\."):
        Candle.from_context("hall")


@behaviour("services.arguments")
def test_after_an_error_nothing_is_kept_and_the_next_call_tries_again(in_context, monkeypatch):
    with monkeypatch.context() as rain:
        rain.setattr(Candle, "is_wet", True)
        with pytest.raises(RuntimeError):
            Candle.from_context("hall")

    assert isinstance(Candle.from_context("hall"), Candle)


@behaviour("services.blueprint")
def test_without_a_name_it_is_that_of_the_blueprint_of_the_request(house):
    with override(Lamp, Lamp(watts=75), blueprint_name="hall"):
        assert house.test_client().get("/hall/watts").text == "75"


@behaviour("services.blueprint")
def test_a_nested_blueprint_goes_by_its_full_name(house):
    assert house.test_client().get("/cellar/watts").text == "15"


@behaviour("services.blueprint")
def test_a_name_goes_before_the_blueprint_of_the_request(house):
    assert house.test_client().get("/hall/cellars_watts").text == "15"


def not_configured(service=Lamp, blueprint_name=None):
    """Return what is said where the service is not to be had; fails where it is."""
    with pytest.raises(NoConfiguredService) as error:
        service.from_context(blueprint_name)
    return str(error.value)


@behaviour("services.not_configured")
@pytest.mark.parametrize("blueprint", ["garden", "cellar", "attic.hall"])
def test_a_blueprint_for_which_nothing_is_configured(in_context, blueprint):
    sentence = not_configured(Lamp, blueprint)

    assert sentence.startswith(f"Lamp is not configured for the blueprint '{blueprint}'.")


@behaviour("services.not_configured")
def test_a_class_that_is_not_configured_for_this_blueprint(in_context):
    sentence = not_configured(Radio, "attic")

    assert sentence.startswith("Radio is not configured for the blueprint 'attic'.")


@behaviour("services.not_configured")
def test_a_service_that_only_others_need_is_not_to_be_asked_for(in_context):
    assert not_configured(Refunds, "orders").startswith("Refunds is not configured")


@behaviour("services.not_configured")
def test_a_request_that_no_view_answers(house):
    with house.test_request_context("/nowhere"):
        assert not_configured().startswith("Lamp: no blueprint answers /nowhere, so name one.")


@behaviour("services.not_configured")
def test_a_view_outside_of_any_blueprint(house):
    with pytest.raises(NoConfiguredService, match=r"^Lamp: no blueprint answers /watts, so name"):
        house.test_client().get("/watts")


@behaviour("services.not_configured")
def test_no_request_and_no_name(in_context):
    assert not_configured().startswith("Lamp: outside of a request, name the blueprint.")


@behaviour("services.not_configured")
def test_each_of_them_says_what_is_configured(house, in_context):
    sentences = [not_configured(Radio, "attic"), not_configured()]
    with house.test_request_context("/nowhere"):
        sentences.append(not_configured())

    for sentence in sentences:
        assert "hall (Lamp, Radio, Candle, Postman, Door, Window)" in sentence
        assert "attic (Lamp, Postman), house.cellar (Lamp)." in sentence
        assert "jobs (Expiry, Notifications, Reconciliation, WaitingList)" in sentence


@behaviour("services.not_configured")
@pytest.mark.parametrize("blueprint", ["hall", None])
def test_without_an_application_context_there_is_none(blueprint):
    assert not_configured(Lamp, blueprint) == "Lamp: there is no application context."


@behaviour("services.not_configured")
def test_in_an_app_without_services_there_is_none():
    with Flask("another").app_context():
        sentence = not_configured(Lamp, "hall")

    assert sentence == ("Lamp is not configured for the blueprint 'hall'. Nothing is configured.")


@behaviour("services.not_configured")
def test_without_a_locator_there_is_none(in_context, monkeypatch):
    monkeypatch.setattr(Service, "locator", None)

    assert not_configured(Lamp, "hall").startswith("Lamp cannot be found: no loc")


NAMES = "give a dict whose keys are names."
ARGUMENTS = "give the arguments of its constructor, as (args, kwargs) or as a dict of keyword"
A_NUMBER = "give a whole number from 1 to 10000."
SECRETS = ("https://network.example", "key", "secret word")


@behaviour("services.invalid")
@pytest.mark.parametrize(
    ("services", "path", "accepted"),
    [
        (None, "SERVICES", NAMES),
        ([], "SERVICES", NAMES),
        ("hall", "SERVICES", NAMES),
        ({1: {}}, "SERVICES", NAMES),
        ({"": {}}, "SERVICES", NAMES),
        ({"hall": None}, "SERVICES['hall']", NAMES),
        ({"hall": ["Lamp"]}, "SERVICES['hall']", NAMES),
        ({"hall": {None: {}}}, "SERVICES['hall']", NAMES),
        ({"hall": {"Lamp": None}}, "SERVICES['hall']['Lamp']", ARGUMENTS),
        ({"hall": {"Lamp": "red"}}, "SERVICES['hall']['Lamp']", ARGUMENTS),
        ({"hall": {"Lamp": []}}, "SERVICES['hall']['Lamp']", ARGUMENTS),
        ({"hall": {"Lamp": ("red", {})}}, "SERVICES['hall']['Lamp']", ARGUMENTS),
        ({"hall": {"Lamp": ((), {}, {})}}, "SERVICES['hall']['Lamp']", ARGUMENTS),
        ({"hall": {"Lamp": {2: 60}}}, "SERVICES['hall']['Lamp']", NAMES),
        ({"hall": {"Lamp": ((), None)}}, "SERVICES['hall']['Lamp'][1]", NAMES),
        ({"hall": {"Lamp": ((), {2: 60})}}, "SERVICES['hall']['Lamp'][1]", NAMES),
    ],
)
def test_an_entry_of_the_wrong_form_stops_the_app_with_its_path(
    make_shop, services, path, accepted
):
    with pytest.raises(SystemExit) as stopped:
        make_shop(services)

    assert re.fullmatch(
        rf"{re.escape(path)} is of type \w+: {re.escape(accepted)}.*", *stopped.value.args
    )


@behaviour("services.invalid")
@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"hold_minutes": "ten"}, f"hold_minutes is 'ten': {A_NUMBER}"),
        ({"hold_minutes": 0}, f"hold_minutes is 0: {A_NUMBER}"),
        ({"hold_minutes": -1}, f"hold_minutes is -1: {A_NUMBER}"),
        ({"hold_minutes": 1.5}, f"hold_minutes is 1.5: {A_NUMBER}"),
        ({"hold_minutes": None}, f"hold_minutes is None: {A_NUMBER}"),
        ({"hold_minutes": True}, f"hold_minutes is True: {A_NUMBER}"),
        ({"hold_minutes": 10_001}, f"hold_minutes is 10001: {A_NUMBER}"),
        ({"max_per_order": "ten"}, f"max_per_order is 'ten': {A_NUMBER}"),
        ({"max_per_order": 0}, f"max_per_order is 0: {A_NUMBER}"),
        ({"hold_minute": 10}, "unexpected keyword argument 'hold_minute'"),
        ({"clock": 10}, "multiple values for keyword argument 'clock'"),
        (([10], {}), "multiple values for argument 'session'"),
    ],
)
def test_a_setting_that_cannot_be_used_stops_the_app_with_its_path(make_shop, settings, sentence):
    with pytest.raises(SystemExit) as stopped:
        make_shop({"checkout": {"Checkout": settings}})

    assert str(stopped.value).startswith("SERVICES['checkout']['Checkout']: ")
    assert sentence in str(stopped.value)
    assert str(stopped.value).endswith("Settings of Checkout: hold_minutes, max_per_order.")


@behaviour("services.invalid")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        (SECRETS[:2], {}),
        ((*SECRETS, "more"), {}),
        (SECRETS, {"key": "another"}),
        (("network.example", *SECRETS[1:]), {}),
        (("http://", *SECRETS[1:]), {}),
        (("http://network.example:99999", *SECRETS[1:]), {}),
        ((None, *SECRETS[1:]), {}),
        ((SECRETS[0], None, SECRETS[2]), {}),
        ((SECRETS[0], SECRETS[2], 7), {}),
        (SECRETS, {"post_path": 7}),
    ],
    ids=str,
)
def test_a_network_without_address_key_or_secret_stops_the_app(make_shop, settings):
    with pytest.raises(SystemExit, match=r"^SERVICES\['share'\]\['OAuth1Service'\]: "):
        make_shop({"share": {"OAuth1Service": settings}})


@behaviour("services.invalid")
@pytest.mark.parametrize(
    "settings",
    [
        SECRETS[2],
        SECRETS,
        (SECRETS[2], {}),
        (SECRETS, SECRETS[2]),
        (SECRETS[1:], {}),
        ((*SECRETS, SECRETS[2]), {}),
        (SECRETS[::-1], {}),
        (SECRETS, {"key": SECRETS[2]}),
        (SECRETS, {"client_secret": SECRETS[2]}),
    ],
    ids=str,
)
def test_what_is_said_shows_no_secret(make_shop, settings):
    with pytest.raises(SystemExit) as stopped:
        make_shop({"share": {"OAuth1Service": settings}})

    assert SECRETS[2] not in str(stopped.value)


@behaviour("services.invalid")
@pytest.mark.parametrize("text", ["{", "secret word", "{'share': {}}", "[" * 100_000])
def test_services_in_the_environment_must_be_json(create_app, monkeypatch, text):
    monkeypatch.setenv("BOX_OFFICE_SERVICES", text)

    with pytest.raises(SystemExit, match=r"^BOX_OFFICE_SERVICES is not JSON") as stopped:
        create_app(USABLE)
    assert "secret word" not in str(stopped.value)


@behaviour("services.invalid")
def test_a_setting_of_a_service_that_another_needs_is_blamed_by_its_own_path(make_shop):
    with pytest.raises(SystemExit, match=r"^SERVICES\['orders'\]\['Refunds'\]: .*: none\.$"):
        make_shop({"orders": {"Refunds": {"days": 14}}})


@behaviour("services.invalid")
def test_a_kind_of_another_service_is_known_by_its_name(caplog, make_shop):
    make_shop({"fair": {"FairCheckout": {}}})

    assert caplog.messages == []


@behaviour("services.invalid")
def test_a_name_that_no_service_has_is_a_warning(caplog, make_shop):
    make_shop({"checkout": {"Chekout": {}}, "hall": {"Lamp": {}}})

    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == (
        "SERVICES['checkout']['Chekout']: there is no service of this name."
    )


def max_quantity(app, blueprint):
    """Return how many seats an order may have there; the event itself allows 4."""
    with app.app_context():
        return Checkout.from_context(blueprint).max_quantity(an_event(max_per_order=4))


@behaviour("services.laid_over")
def test_services_may_come_from_the_environment(create_app, monkeypatch):
    monkeypatch.setenv(
        "BOX_OFFICE_SERVICES", '{"box_office": {"Checkout": {"max_per_order": 20}}}'
    )

    assert max_quantity(create_app(USABLE), "box_office") == 20


@behaviour("services.laid_over")
def test_an_empty_variable_of_the_environment_says_nothing(create_app, monkeypatch):
    monkeypatch.setenv("BOX_OFFICE_SERVICES", "")

    assert max_quantity(create_app(USABLE), "box_office") == 50


@behaviour("services.laid_over")
def test_those_of_the_caller_go_before_the_environment(make_shop, monkeypatch):
    monkeypatch.setenv(
        "BOX_OFFICE_SERVICES", '{"box_office": {"Checkout": {"max_per_order": 20}}}'
    )

    shop = make_shop({"box_office": {"Checkout": {"max_per_order": 30}}})

    assert max_quantity(shop, "box_office") == 30


@behaviour("services.laid_over")
def test_other_blueprints_keep_the_default(make_shop):
    shop = make_shop({"checkout": {"Checkout": {"max_per_order": 2}}})

    assert max_quantity(shop, "checkout") == 2
    assert max_quantity(shop, "box_office") == 50


@behaviour("services.laid_over")
def test_other_services_of_the_blueprint_keep_the_default(make_shop):
    with make_shop({"box_office": {"Lamp": {}}, "jobs": {}}).app_context():
        assert isinstance(Lamp.from_context("box_office"), Lamp)
        assert isinstance(Checkout.from_context("box_office"), Checkout)
        assert isinstance(WaitingList.from_context("jobs"), WaitingList)


@behaviour("services.laid_over")
def test_an_entry_takes_the_place_of_the_whole_default(make_shop):
    shop = make_shop({"box_office": {"Checkout": {"hold_minutes": 5}}})

    assert max_quantity(shop, "box_office") == 4


@behaviour("services.laid_over")
def test_two_shops_in_one_process_have_each_its_own(make_shop):
    one, other = (
        make_shop({"checkout": {"Checkout": {"max_per_order": seats}}}) for seats in (2, 3)
    )

    assert (max_quantity(one, "checkout"), max_quantity(other, "checkout")) == (2, 3)


WEB, COUNTER = "/events/the-glass-orchestra/checkout", "/organiser/events/the-glass-orchestra/sell"
ELSEWHERE = {
    "checkout": {"Checkout": {"hold_minutes": 15, "max_per_order": 2}},
    "box_office": {"Checkout": {"hold_minutes": 5, "max_per_order": 20}},
}


@pytest.fixture(scope="module")
def shops(db, make_shop):
    """Two installations of the shop, with their tables: to make them takes longer than a test."""
    shops = {"here": make_shop({}), "elsewhere": make_shop(ELSEWHERE)}
    for app in shops.values():
        with app.app_context():
            db.create_all()
    yield shops
    for app in shops.values():
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def open_shop(clock, db, shops, mailbox):
    """Return a function that fills a shop, with a free event and an organiser.

    It gives the organiser's client, and a function that reads the orders.
    """

    def open_shop(shop, sold=0):
        app = shops[shop]
        event = an_event(price_cents=0, max_per_order=4)
        with app.app_context():
            db.session.add(an_order(event, quantity=sold) if sold else event)
            db.session.add(Organiser(id=1, name="Greta", password_hash="none"))
            db.session.commit()
        client = app.test_client()
        with client.session_transaction() as session:
            session["organiser"], session["organiser_session"] = 1, 0
        return client, partial(orders_of, app)

    def orders_of(app):
        with app.app_context():
            return db.session.scalars(select(Order)).all()

    yield open_shop
    for app in shops.values():
        with app.app_context(), db.engine.begin() as connection:
            for table in reversed(db.metadata.sorted_tables):
                connection.execute(table.delete())


def purchase(quantity):
    return {
        "checkout_id": f"form-{quantity}",
        "name": "Ada Okafor",
        "email": "ada@example.org",
        "quantity": quantity,
    }


@behaviour("services.laid_over")
@pytest.mark.parametrize(
    ("shop", "address", "minutes"),
    [("here", WEB, 30), ("here", COUNTER, 10), ("elsewhere", WEB, 15), ("elsewhere", COUNTER, 5)],
)
def test_another_installation_holds_the_seats_of_a_sale_for_another_time(
    open_shop, shop, address, minutes
):
    client, orders = open_shop(shop)

    client.post(address, data=purchase(1))

    assert [order.hold_until for order in orders()] == [NOW + minutes * MINUTE]


@behaviour("services.laid_over")
@pytest.mark.parametrize(
    ("shop", "address", "most"),
    [("here", WEB, 4), ("here", COUNTER, 50), ("elsewhere", WEB, 2), ("elsewhere", COUNTER, 20)],
)
def test_another_installation_has_another_limit_for_a_sale(open_shop, shop, address, most):
    client, orders = open_shop(shop)

    refused = client.post(address, data=purchase(most + 1))
    client.post(address, data=purchase(most))

    assert refused.status_code == 422
    assert f"Choose 1 to {most} seats." in text_of(refused)
    assert [order.quantity for order in orders()] == [most]


@behaviour("services.laid_over")
@pytest.mark.parametrize(
    ("shop", "page", "most"),
    [
        ("here", "/events/the-glass-orchestra", 4),
        ("here", COUNTER, 50),
        ("elsewhere", "/events/the-glass-orchestra", 2),
        ("elsewhere", COUNTER, 20),
    ],
)
def test_the_forms_of_another_installation_say_its_limit(open_shop, shop, page, most):
    client, _ = open_shop(shop)

    assert f'max="{most}"' in client.get(page).text


@behaviour("services.laid_over")
@pytest.mark.parametrize(("shop", "most"), [("here", 4), ("elsewhere", 2)])
def test_nobody_waits_for_more_seats_than_one_sale_may_have(open_shop, shop, most):
    client, _ = open_shop(shop, sold=100)

    page = client.get("/events/the-glass-orchestra")
    refused = client.post(
        "/events/the-glass-orchestra/waitlist",
        data={"email": "ada@example.org", "quantity": most + 1},
    )

    assert f'max="{most}"' in page.text
    assert f"Choose 1 to {most} seats." in text_of(refused)


@behaviour("services.closed")
def test_services_are_closed_when_the_context_ends(house):
    with house.app_context():
        Door.from_context("hall")
        assert closed == []

    assert closed == ["Door"]


@behaviour("services.closed")
def test_the_last_one_is_closed_first(house):
    with house.app_context():
        for service in (Window, Door, Radio, Postman):
            service.from_context("hall")

    assert closed == ["Postman", "Door", "Window"]


@behaviour("services.closed")
def test_who_needs_a_service_is_closed_before_it(house, monkeypatch):
    monkeypatch.setattr(
        Notifications, "close", lambda self: closed.append("Notifications"), raising=False
    )

    with house.app_context():
        Postman.from_context("hall")

    assert closed == ["Postman", "Notifications"]


@behaviour("services.closed")
def test_they_are_closed_after_an_error_as_well(house):
    with pytest.raises(RuntimeError, match="Somebody fell"), house.app_context():
        Door.from_context("hall")
        raise RuntimeError("Somebody fell.")

    assert closed == ["Door"]


@behaviour("services.closed")
def test_they_are_closed_after_an_error_in_a_request_too(house):
    with pytest.raises(RuntimeError, match="Somebody fell"):
        house.test_client().get("/hall/fall")

    assert closed == ["Door"]


@behaviour("services.closed")
def test_one_that_cannot_be_closed_keeps_no_other_from_it(caplog, house, monkeypatch):
    def stick(self):
        raise OSError("It sticks.")

    monkeypatch.setattr(Window, "close", stick)

    with house.app_context():
        Door.from_context("hall")
        Window.from_context("hall")

    assert closed == ["Door"]
    [record] = caplog.records
    assert record.getMessage() == "Window cannot be closed."
    assert "It sticks." in caplog.text


@behaviour("services.closed")
def test_a_context_without_services_closes_nothing(house):
    with house.app_context():
        pass

    assert closed == []


@behaviour("services.closed")
def test_nobody_closes_a_fake(house):
    with house.app_context(), override(Radio, Door()):
        Radio.from_context("hall")

    assert closed == []


@behaviour("services.override")
def test_a_fake_is_handed_out_in_the_block(in_context):
    with override(Lamp, "fake"):
        assert Lamp.from_context("hall") == Lamp.from_context("attic") == "fake"


@behaviour("services.override")
def test_a_fake_for_one_blueprint_leaves_the_others_theirs(in_context):
    with override(Lamp, "fake", blueprint_name="hall"):
        assert Lamp.from_context("hall") == "fake"
        assert isinstance(Lamp.from_context("attic"), Lamp)


@behaviour("services.override")
@pytest.mark.parametrize("blueprints", [(None, "hall"), ("hall", None)])
def test_a_fake_for_one_blueprint_goes_before_one_for_all(in_context, blueprints):
    first, second = blueprints

    with (
        override(Lamp, f"for {first}", blueprint_name=first),
        override(Lamp, f"for {second}", blueprint_name=second),
    ):
        assert Lamp.from_context("hall") == "for hall"
        assert Lamp.from_context("attic") == "for None"


@behaviour("services.override")
def test_the_fake_of_a_class_is_none_of_another(in_context):
    with override(Lamp, "fake"):
        assert isinstance(LampElsewhere.from_context("hall"), LampElsewhere)


@behaviour("services.override")
def test_after_the_block_the_service_is_the_same_as_before(in_context):
    lamp = Lamp.from_context("hall")
    with override(Lamp, "fake"):
        pass

    assert Lamp.from_context("hall") is lamp


@behaviour("services.override")
def test_the_service_is_back_after_an_error_in_the_block_too(in_context):
    with pytest.raises(RuntimeError), override(Lamp, "fake"):
        raise RuntimeError("The test fails.")

    assert isinstance(Lamp.from_context("hall"), Lamp)


@behaviour("services.override")
def test_blocks_can_be_nested(in_context):
    with override(Lamp, "outer"):
        with override(Lamp, "inner"):
            assert Lamp.from_context("hall") == "inner"
        assert Lamp.from_context("hall") == "outer"


@behaviour("services.override")
def test_an_inner_block_leaves_other_fakes_in_place(in_context):
    with override(Lamp, "fake lamp"), override(Radio, "fake radio"):
        assert Lamp.from_context("hall") == "fake lamp"


@behaviour("services.override")
def test_a_fake_reaches_the_service_that_needs_one(in_context):
    with override(Notifications, "fake"):
        assert Postman.from_context("hall").notifications == "fake"


@behaviour("services.override")
def test_a_fake_reaches_a_service_that_was_made_before_the_block(in_context):
    Postman.from_context("hall")

    with override(Notifications, "fake"):
        assert Postman.from_context("hall").notifications == "fake"


@behaviour("services.override")
def test_a_fake_reaches_what_the_checkout_itself_does_not_name(add_event, buy, mailbox, stored):
    confirmed = []

    with override(Notifications, SimpleNamespace(send_confirmation=confirmed.append)):
        buy(add_event(price_cents=0))

    assert len(confirmed) == len(stored("Order")) == 1
    assert mailbox.mails == []


@behaviour("services.override")
def test_nothing_that_was_made_with_a_fake_is_left_afterwards(in_context):
    with override(Notifications, "fake"):
        Postman.from_context("hall")

    assert isinstance(Postman.from_context("hall").notifications, Notifications)


@behaviour("services.override")
def test_what_was_made_with_a_fake_is_not_found_under_another(in_context):
    for fake in ("first", "second"):
        with override(Notifications, fake):
            assert Postman.from_context("hall").notifications == fake


@behaviour("services.override")
def test_within_a_block_a_service_is_made_once_as_ever(in_context):
    with override(Notifications, "fake"):
        assert Postman.from_context("hall") is Postman.from_context("hall")


@behaviour("services.override")
@behaviour("services.closed")
def test_what_was_made_with_a_fake_is_closed_with_the_context(house):
    with house.app_context():
        with override(Notifications, "fake"):
            Postman.from_context("hall")
        assert closed == []

    assert closed == ["Postman"]


@behaviour("services.override")
@pytest.mark.parametrize("blueprint", ["hall", "garden"])
def test_a_fake_needs_no_configuration(in_context, blueprint):
    with override(Refunds, "fake"):
        assert Refunds.from_context(blueprint) == "fake"
    assert not_configured(Refunds, blueprint)


@behaviour("services.override")
def test_a_fake_for_one_blueprint_configures_no_other(in_context):
    with override(Refunds, "fake", blueprint_name="hall"):
        assert not_configured(Refunds, "attic")
