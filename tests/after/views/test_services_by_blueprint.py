"""Services by blueprint: how one is asked for, what it is made of, and how long it lives."""

import importlib
import logging
import pkgutil
from inspect import signature
from types import SimpleNamespace
from typing import get_type_hints

import pytest
from flask import Blueprint, Flask

from after_service_layer import services
from after_service_layer.service_settings import read_services
from after_service_layer.services.base import NoConfiguredService, Service
from after_service_layer.services.notifications import Notifications
from after_service_layer.services.oauth1 import OAuth1Service
from after_service_layer.services.refunds import Refunds
from after_service_layer.wiring import FACTORIES, default_services, locator, override
from tests.kit.helpers import MINUTE, NOW, text_of

behaviour = pytest.mark.behaviour

closed = []


class FooService(Service):
    """Has no factory: it is made from its entry in SERVICES alone."""

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs

    def close(self):
        closed.append("foo")


class BarService(Service):
    """Has a factory, and a dependency."""

    def __init__(self, *, foo, size):
        self.foo, self.size = foo, size

    def close(self):
        closed.append("bar")


SameName = type("FooService", (FooService,), {})


def make_bar(blueprint, *, size=1):
    return BarService(foo=locator.get(FooService, blueprint), size=size)


SERVICES = {
    "one": {"FooService": {"n": 1}, "BarService": {}},
    "two": {"FooService": (("a",), {"n": 2}), "BarService": {"size": 2}},
    "outer.inner": {"FooService": {"n": 3}},
}
USABLE = {
    "TESTING": True,
    "WTF_CSRF_ENABLED": False,
    "SECRET_KEY": "any",
    "SQLALCHEMY_DATABASE_URI": "sqlite://",
}


@pytest.fixture(autouse=True)
def _start(monkeypatch):
    monkeypatch.setitem(FACTORIES, BarService, make_bar)
    closed.clear()


@pytest.fixture(scope="module")
def make_shop(create_app):
    """Return a function that makes a shop with these SERVICES."""
    return lambda services: create_app({**USABLE, "SERVICES": services})


def show():
    return str(FooService.from_context().kwargs["n"])


def show_inner():
    return str(FooService.from_context("outer.inner").kwargs["n"])


def fail():
    FooService.from_context()
    raise RuntimeError("The view fails.")


@pytest.fixture(scope="module")
def shop(make_shop):
    """A shop with more blueprints: `one` and, inside `outer`, `inner`."""
    shop = make_shop(SERVICES)
    one, outer, inner = (Blueprint(name, __name__) for name in ("one", "outer", "inner"))
    for view in (show, show_inner, fail):
        one.get(f"/one/{view.__name__}")(view)
    inner.get("/inner/show")(show)
    outer.register_blueprint(inner)
    shop.register_blueprint(one)
    shop.register_blueprint(outer)
    shop.get("/show")(show)
    return shop


@pytest.fixture
def in_context(shop):
    """Keep one application context open during the test."""
    with shop.app_context():
        yield


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
def test_each_context_has_its_own_also_one_inside_another(shop, in_context):
    foo = FooService.from_context("one")

    with shop.app_context():
        assert FooService.from_context("one") is not foo
    assert FooService.from_context("one") is foo


@behaviour("services.one_per_context")
def test_each_blueprint_has_its_own_and_a_dependency_is_that_of_the_blueprint(in_context):
    one, two = (BarService.from_context(name) for name in ("one", "two"))

    assert one is not two
    assert one.foo is FooService.from_context("one")
    assert two.foo is FooService.from_context("two")


@behaviour("services.one_per_context")
def test_each_class_has_its_own_also_with_the_same_name(in_context):
    kinds = [FooService, BarService, SameName]

    assert [type(kind.from_context("one")) for kind in kinds] == kinds


@behaviour("services.arguments")
def test_a_service_without_a_factory_is_made_from_its_entry_alone(in_context):
    foos = [FooService.from_context(name) for name in ("one", "two")]

    assert [(foo.args, foo.kwargs) for foo in foos] == [((), {"n": 1}), (("a",), {"n": 2})]


@behaviour("services.arguments")
def test_a_factory_gets_the_settings_of_the_blueprint(in_context):
    assert [BarService.from_context(name).size for name in ("one", "two")] == [1, 2]


@behaviour("services.arguments")
def test_an_error_in_a_constructor_reaches_the_caller_and_the_next_call_tries_again(
    in_context, monkeypatch
):
    def fail(*args, **kwargs):
        raise RuntimeError("It cannot be made.")

    with monkeypatch.context() as patch:
        patch.setattr(FooService, "__init__", fail)
        with pytest.raises(RuntimeError, match=r"It cannot be made\."):
            FooService.from_context("one")

    assert isinstance(FooService.from_context("one"), FooService)


@behaviour("services.arguments")
def test_every_service_of_the_shop_has_a_factory_of_its_own():
    prefix = f"{services.__name__}."
    for module in pkgutil.iter_modules(services.__path__, prefix):
        importlib.import_module(module.name)
    own = [kind for kind in Service.__subclasses__() if kind.__module__.startswith(prefix)]

    made = [get_type_hints(FACTORIES[kind])["return"] for kind in own if kind in FACTORIES]

    assert made == [kind for kind in own if "__init__" in vars(kind)]


@behaviour("services.arguments")
@pytest.mark.parametrize("kind", list(FACTORIES))
def test_a_factory_has_the_defaults_of_the_constructor(kind):
    constructor = signature(kind).parameters

    for name, parameter in signature(FACTORIES[kind]).parameters.items():
        assert name not in constructor or parameter.default == constructor[name].default


@behaviour("services.blueprint")
@pytest.mark.parametrize(
    ("address", "n"), [("/one/show", "1"), ("/inner/show", "3"), ("/one/show_inner", "3")]
)
def test_it_is_that_of_the_blueprint_that_is_named_or_else_answers(shop, address, n):
    assert shop.test_client().get(address).text == n


def not_configured(service=FooService, blueprint_name=None):
    """Return what the error says; fails where the service can be had."""
    with pytest.raises(NoConfiguredService) as error:
        service.from_context(blueprint_name)
    return str(error.value)


@behaviour("services.not_configured")
@pytest.mark.parametrize(
    ("service", "blueprint"),
    # Only other services depend on Refunds.
    [
        (FooService, "three"),
        (FooService, "inner"),
        (BarService, "outer.inner"),
        (Refunds, "orders"),
    ],
)
def test_a_service_is_not_configured_for_every_blueprint(in_context, service, blueprint):
    assert not_configured(service, blueprint).startswith(
        f"{service.__name__}: it is not configured for the blueprint '{blueprint}'. Configured: "
    )


@behaviour("services.not_configured")
def test_the_error_says_what_is_configured(in_context):
    sentence = not_configured()

    assert "Configured: Checkout for checkout, Checkout for box_office, Canc" in sentence
    assert sentence.endswith("BarService for two, FooService for outer.inner.")


@behaviour("services.not_configured")
def test_without_a_name_a_blueprint_must_answer(shop, in_context):
    sentence = not_configured()

    assert sentence.startswith("FooService: no blueprint answers here, so name one. Configured: ")
    with shop.test_request_context("/nowhere"):
        assert not_configured() == sentence
    with pytest.raises(NoConfiguredService, match="no blueprint answers here"):
        shop.test_client().get("/show")


@behaviour("services.not_configured")
def test_without_context_without_services_and_without_locator_there_is_none(monkeypatch):
    assert not_configured().startswith("FooService: there is no application context.")
    with Flask("another").app_context():
        assert not_configured(FooService, "one").endswith("blueprint 'one'. Configured: nothing.")
    monkeypatch.setattr(Service, "locator", None)
    assert not_configured().startswith("FooService: import the app first")


def sentence_of_stop(make_shop, services):
    """Return the sentence that ends the program."""
    with pytest.raises(SystemExit) as stopped:
        make_shop(services)
    return str(stopped.value)


A_NUMBER = "give a whole number from 1 to 10000."
SECRETS = ("https://network.example", "key", "secret word")


@behaviour("services.invalid")
@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"hold_minutes": "ten"}, f"hold_minutes is 'ten': {A_NUMBER}"),
        ({"hold_minutes": 0}, f"hold_minutes is 0: {A_NUMBER}"),
        ({"hold_minutes": 1.5}, f"hold_minutes is 1.5: {A_NUMBER}"),
        ({"hold_minutes": True}, f"hold_minutes is True: {A_NUMBER}"),
        ({"max_per_order": 10_001}, f"max_per_order is 10001: {A_NUMBER}"),
        ({"hold_minute": 10}, "got an unexpected keyword argument 'hold_minute'."),
        ({"blueprint": "one"}, "got an unexpected keyword argument 'blueprint'."),
        (([10], {}), "too many positional arguments."),
    ],
)
def test_a_setting_that_cannot_be_used_stops_the_app_with_its_path(make_shop, settings, problem):
    assert sentence_of_stop(make_shop, {"checkout": {"Checkout": settings}}) == (
        f"SERVICES['checkout']['Checkout']: {problem}"
        " Settings of Checkout: hold_minutes, max_per_order."
    )


@behaviour("services.invalid")
def test_a_setting_of_a_dependency_is_reported_with_its_own_path(make_shop):
    assert sentence_of_stop(make_shop, {"orders": {"Refunds": {"days": 14}}}) == (
        "SERVICES['orders']['Refunds']: got an unexpected keyword argument 'days'."
        " Settings of Refunds: none."
    )


@behaviour("services.invalid")
@pytest.mark.parametrize(
    "settings",
    [
        SECRETS[2],
        (SECRETS, SECRETS[2]),
        (SECRETS[:2], {}),
        ((*SECRETS, SECRETS[2]), {}),
        (SECRETS[::-1], {}),
        (SECRETS, {"client_secret": SECRETS[2]}),
        ((SECRETS[0], SECRETS[2], 7), {}),
        (SECRETS, {"post_path": 7}),
    ],
)
def test_wrong_settings_of_a_network_stop_the_app_and_show_no_secret(make_shop, settings):
    sentence = sentence_of_stop(make_shop, {"share": {"OAuth1Service": settings}})

    assert sentence.startswith("SERVICES['share']['OAuth1Service']")
    assert SECRETS[2] not in sentence


@behaviour("services.invalid")
def test_a_name_that_no_service_has_is_a_warning(caplog, make_shop):
    subclass = type("SubService", (FooService,), {})
    make_shop({"one": {"Chekout": {}, "FooService": {}, subclass.__name__: {}}})

    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "SERVICES['one']['Chekout']: there is no service of this name."


@behaviour("services.laid_over")
def test_two_shops_in_one_process_have_each_its_own(make_shop):
    shops = [make_shop({"one": {"FooService": {"n": n}}}) for n in (2, 3)]

    for shop, n in zip(shops, (2, 3), strict=True):
        with shop.app_context():
            assert FooService.from_context("one").kwargs == {"n": n}


ELSEWHERE = {
    "checkout": {"Checkout": {"hold_minutes": 15, "max_per_order": 2}},
    "box_office": {"Checkout": {"hold_minutes": 5, "max_per_order": 20}},
}


@pytest.fixture(params=[({}, (30, 10), (4, 50)), (ELSEWHERE, (15, 5), (2, 20))])
def installation(app, monkeypatch, request):
    """Configure the shop; return for how many minutes and seats web and counter sell."""
    configured, minutes, seats = request.param
    services = read_services({"SERVICES": configured}, default_services(app.config))
    monkeypatch.setitem(app.extensions, "services", services)
    return SimpleNamespace(minutes=minutes, seats=seats)


@behaviour("services.laid_over")
def test_another_installation_sells_by_other_numbers_and_its_forms_say_them(
    add_event, buy, installation, organiser_client, sell, stored
):
    event = add_event(price_cents=0, max_per_order=4)
    pages = (f"/events/{event.slug}", f"/organiser/events/{event.slug}/sell")

    for purchase, page, most in zip((buy, sell), pages, installation.seats, strict=True):
        assert f'max="{most}"' in organiser_client.get(page).text
        refused = purchase(event, checkout_id=page, quantity=most + 1)
        assert refused.status_code == 422
        assert f"Choose 1 to {most} seats." in text_of(refused)
        purchase(event, checkout_id=page, quantity=most)

    assert [(order.quantity, order.hold_until - NOW) for order in stored("Order")] == [
        (most, minutes * MINUTE)
        for most, minutes in zip(installation.seats, installation.minutes, strict=True)
    ]


@behaviour("services.laid_over")
def test_the_waiting_list_takes_no_more_seats_than_one_sale_may_have(
    add_event, add_order, client, installation
):
    event = add_event(capacity=100, max_per_order=4)
    add_order(event, quantity=100)
    most, _ = installation.seats

    fields = {"email": "ada@example.org", "quantity": most + 1}
    refused = client.post(f"/events/{event.slug}/waitlist", data=fields)

    assert f'max="{most}"' in refused.text
    assert f"Choose 1 to {most} seats." in text_of(refused)


@behaviour("services.closed")
def test_services_are_closed_when_the_context_ends_the_last_one_first(shop):
    with shop.app_context():
        BarService.from_context("one")
        OAuth1Service.from_context("share")
        assert closed == []

    # A service is made after its dependency, and so closed before it.
    assert closed == ["bar", "foo"]


@behaviour("services.closed")
def test_they_are_closed_after_an_error_too(shop):
    with pytest.raises(RuntimeError, match="The view fails"):
        shop.test_client().get("/one/fail")

    assert closed == ["foo"]


@behaviour("services.closed")
def test_an_error_in_one_close_is_logged_and_does_not_stop_the_others(caplog, monkeypatch, shop):
    monkeypatch.setattr(BarService, "close", lambda self: 1 / 0)

    with shop.app_context():
        BarService.from_context("one")

    assert closed == ["foo"]
    assert caplog.messages == ["BarService cannot be closed."]
    assert "ZeroDivisionError" in caplog.text


@behaviour("services.closed")
def test_a_fake_is_not_closed(shop):
    with shop.app_context(), override(OAuth1Service, FooService()):
        OAuth1Service.from_context("share")

    assert closed == []


@behaviour("services.override")
def test_a_fake_is_returned_until_the_block_ends_also_by_an_error(in_context):
    foo = FooService.from_context("one")

    with pytest.raises(RuntimeError), override(FooService, "fake"):
        assert FooService.from_context("one") == FooService.from_context("two") == "fake"
        assert type(SameName.from_context("one")) is SameName
        raise RuntimeError("The test fails.")

    assert FooService.from_context("one") is foo


@behaviour("services.override")
@pytest.mark.parametrize("blueprints", [(None, "one"), ("one", None)])
def test_a_fake_for_one_blueprint_is_preferred_to_one_for_all(in_context, blueprints):
    outer, inner = blueprints

    with override(FooService, f"for {outer}", blueprint_name=outer):
        with override(FooService, f"for {inner}", blueprint_name=inner):
            assert FooService.from_context("one") == "for one"
            assert FooService.from_context("two") == "for None"
        assert FooService.from_context("one") == f"for {outer}"


@behaviour("services.override")
@behaviour("services.closed")
def test_each_block_has_services_with_its_own_fakes_as_dependencies(shop):
    with shop.app_context():
        before = BarService.from_context("one")
        for fake in ("first", "second"):
            with override(FooService, fake):
                bar = BarService.from_context("one")
                assert bar.foo == fake
                assert BarService.from_context("one") is bar
        assert BarService.from_context("one") is before
        assert closed == []

    assert closed == ["bar", "bar", "bar", "foo"]


@behaviour("services.override")
def test_a_fake_reaches_what_the_checkout_depends_on(add_event, buy, mailbox, stored):
    confirmed = []

    def send_confirmation(order, **facts):
        confirmed.append(order)

    with override(Notifications, SimpleNamespace(send_confirmation=send_confirmation)):
        buy(add_event(price_cents=0))

    assert len(confirmed) == len(stored("Order")) == 1
    assert mailbox.mails == []


@behaviour("services.override")
def test_a_fake_needs_no_configuration_and_gives_none_to_another_blueprint(in_context):
    with override(Refunds, "fake", blueprint_name="three"):
        assert Refunds.from_context("three") == "fake"
        assert not_configured(Refunds, "one")
    assert not_configured(Refunds, "three")
