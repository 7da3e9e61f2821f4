"""The commands of the shop: `flask init-db`, `seed` and others."""

import pytest

from tests.kit.helpers import text_of


@pytest.fixture
def flask(shared_app):
    """Return a function that runs `flask …`. The test decides what the database holds."""
    runner = shared_app.test_cli_runner()
    return lambda *words: runner.invoke(args=words)


@pytest.mark.behaviour("commands.init_db")
def test_init_db_creates_the_tables(app_without_tables, flask):
    result = flask("init-db")

    assert result.exit_code == 0
    assert result.output == "The tables are there.\n"
    assert app_without_tables.test_client().get("/").status_code == 200


@pytest.mark.behaviour("commands.init_db")
def test_init_db_keeps_what_is_there(add_event, flask, stored):
    add_event()

    assert flask("init-db").exit_code == 0
    assert len(stored("Event")) == 1


@pytest.mark.behaviour("commands.seed")
def test_seed_fills_an_empty_shop_with_sample_data(client, flask, stored):
    result = flask("seed")

    assert result.exit_code == 0
    events, vouchers, orders = (len(stored(name)) for name in ("Event", "Voucher", "Order"))
    assert f"Added {events} events, {vouchers} vouchers and {orders} orders." in result.output
    assert events >= 40
    text = text_of(client.get("/?per_page=50"))
    for mark in ("Sold out", "Free", "Early bird"):
        assert mark in text


@pytest.mark.behaviour("commands.seed")
def test_seed_refuses_a_shop_that_has_events(add_event, flask, stored):
    add_event()

    result = flask("seed")

    assert result.exit_code == 1
    assert "The shop has events already; seed fills only an empty one." in result.output
    assert len(stored("Event")) == 1


@pytest.mark.behaviour("commands.organiser")
def test_a_created_organiser_can_log_in(client, flask):
    result = flask("create-organiser", " Ada ", "--password", "12345678")

    assert result.exit_code == 0
    assert result.output == "Ada may log in now.\n"
    login = client.post("/login", data={"name": "Ada", "password": "12345678"})
    assert login.status_code == 303


@pytest.mark.behaviour("commands.organiser")
@pytest.mark.parametrize(
    ("name", "password", "sentence"),
    [
        ("Greta", "12345678", "There is an organiser Greta already."),
        ("Ada", "1234567", "give at least 8 letters."),
        (" ", "12345678", "give 1 to 80 letters."),
        ("x" * 81, "12345678", "give 1 to 80 letters."),
    ],
)
def test_an_organiser_with_a_wrong_name_or_password_is_refused(
    flask, organiser, stored, name, password, sentence
):
    result = flask("create-organiser", name, "--password", password)

    assert result.exit_code != 0
    assert sentence in result.output
    assert len(stored("Organiser")) == 1


@pytest.mark.behaviour("site.no_tables")
@pytest.mark.parametrize("command", ["seed", "jobs expire", "jobs remind", "jobs reconcile"])
def test_without_tables_a_command_says_so_in_one_sentence(app_without_tables, flask, command):
    result = flask(*command.split())

    assert result.exit_code == 1
    assert result.output.startswith(
        "Error: The database cannot be reached, or has no tables yet (init-db makes them): "
    )
    assert result.output.count("\n") == 1
