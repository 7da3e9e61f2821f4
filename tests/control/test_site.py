"""What holds on every page: not found, no token, no tables, no database."""

import logging

import pytest

from tests.kit.helpers import hidden_value, text_of

NO_DATABASE = "The shop's database cannot be reached, or has no tables yet."


@pytest.fixture
def check_tokens(app, monkeypatch):
    """Return a function that turns the check of CSRF tokens on: it is off in other tests."""
    return lambda: monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)


@pytest.mark.behaviour("site.about")
def test_the_about_page_says_what_this_shop_is(client):
    page = client.get("/about")

    assert page.status_code == 200
    assert "It is a demonstration" in text_of(page)


@pytest.mark.behaviour("site.healthz")
def test_the_health_check_is_ok_when_the_database_answers(client):
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json == {"status": "ok"}


@pytest.mark.behaviour("site.healthz")
def test_the_health_check_fails_when_the_database_does_not_answer(create_app, tmp_path):
    nowhere = f"sqlite:///{tmp_path}/no-such-folder/shop.sqlite"
    app = create_app({"SECRET_KEY": "any", "SQLALCHEMY_DATABASE_URI": nowhere})

    answer = app.test_client().get("/healthz")

    assert answer.status_code == 503
    assert NO_DATABASE in text_of(answer)


@pytest.mark.behaviour("site.not_found")
def test_an_unknown_page_is_not_found_in_the_shops_own_layout(client):
    page = client.get("/no-such-page")

    assert page.status_code == 404
    assert page.mimetype == "text/html"
    assert "Skip to the content" in text_of(page)
    assert "Back to the events" in text_of(page)


@pytest.mark.behaviour("site.csrf")
def test_a_purchase_without_its_token_is_refused(add_event, buy, check_tokens, stored):
    event = add_event(price_cents=0)
    check_tokens()

    answer = buy(event)

    assert answer.status_code == 400
    assert "Go back, load the page again and send the form once more." in text_of(answer)
    assert stored("Order") == []


@pytest.mark.behaviour("site.csrf")
def test_a_purchase_with_its_token_is_accepted(add_event, buy, check_tokens, client):
    event = add_event(price_cents=0)
    check_tokens()
    page = client.get(f"/events/{event.slug}")

    answer = buy(event, csrf_token=hidden_value(page, "csrf_token"))

    assert answer.status_code == 303


@pytest.mark.behaviour("site.csrf")
def test_a_cancellation_without_its_token_is_refused(
    add_event, add_order, cancel, check_tokens, stored
):
    order = add_order(add_event())
    check_tokens()

    assert cancel(order).status_code == 400
    assert [order.status for order in stored("Order")] == ["paid"]


@pytest.mark.behaviour("site.csrf")
def test_a_place_on_the_waiting_list_needs_its_token(add_event, check_tokens, client, stored):
    add_event()
    check_tokens()

    answer = client.post("/events/the-glass-orchestra/waitlist", data={"email": "c@d.org"})

    assert answer.status_code == 400
    assert stored("WaitlistEntry") == []


@pytest.mark.behaviour("site.csrf")
@pytest.mark.parametrize("page", ["/share/A0001/secret-1", "/share/disconnect"])
def test_sharing_needs_its_token(check_tokens, client, page):
    check_tokens()

    assert client.post(page).status_code == 400


@pytest.mark.behaviour("site.csrf")
def test_the_forms_of_a_connected_account_carry_it(
    add_event, add_order, check_tokens, client, connect
):
    add_order(add_event())
    connect()
    check_tokens()

    text = client.get("/share/A0001/secret-1").text

    assert text.count('method="post"') == text.count('name="csrf_token"') == 2


@pytest.mark.behaviour("site.csrf", "webhook.succeeded")
def test_the_gateway_needs_no_token(add_event, add_order, check_tokens, stored, webhook):
    order = add_order(add_event(), "pending")
    check_tokens()

    assert webhook(order).status_code == 200
    assert [order.status for order in stored("Order")] == ["paid"]


@pytest.mark.behaviour("site.csrf")
@pytest.mark.parametrize(
    "page",
    [
        "/logout",
        "/organiser/events/new",
        "/organiser/vouchers",
        "/organiser/events/the-glass-orchestra/checkin",
        "/organiser/events/the-glass-orchestra/sell",
    ],
)
def test_an_organisers_form_without_its_token_is_refused(check_tokens, organiser_client, page):
    check_tokens()

    assert organiser_client.post(page).status_code == 400
    assert organiser_client.get("/organiser").status_code == 200


@pytest.mark.behaviour("site.csrf")
@pytest.mark.parametrize(
    "page",
    [
        "/events/the-glass-orchestra",
        "/orders/A0001/secret-1",
        "/login",
        "/organiser/events/new",
        "/organiser/events/the-glass-orchestra/edit",
        "/organiser/vouchers",
        "/organiser/events/the-glass-orchestra/sales",
        "/organiser/events/the-glass-orchestra/sell",
        "/events/sold-out",
        "/waitlist/token-1",
    ],
)
def test_every_form_of_a_page_carries_its_token(
    add_entry, add_event, add_order, check_tokens, organiser_client, page
):
    add_order(add_event())
    add_entry(add_event("Sold out", capacity=1), "offered")
    check_tokens()

    text = organiser_client.get(page).text

    # One form of the page's own, and the one to log out.
    assert text.count('method="post"') == text.count('name="csrf_token"') == 2


@pytest.mark.behaviour("site.no_tables")
@pytest.mark.parametrize("page", ["/", "/events/jazz", "/orders/ABCDE/secret"])
def test_without_tables_a_page_says_so_in_one_sentence(app_without_tables, page):
    answer = app_without_tables.test_client().get(page)

    assert answer.status_code == 503
    assert NO_DATABASE in text_of(answer)
    assert "create the tables with the command init-db" in text_of(answer)


@pytest.mark.behaviour("site.no_tables")
def test_a_file_that_is_no_database_is_reported_in_one_sentence(create_app, db, tmp_path):
    file = tmp_path / "shop.sqlite"
    file.write_text("This is a letter. " * 100)
    app = create_app({"SECRET_KEY": "secret", "SQLALCHEMY_DATABASE_URI": f"sqlite:///{file}"})

    page = app.test_client().get("/")
    seed = app.test_cli_runner().invoke(args=["seed"])

    with app.app_context():
        db.engine.dispose()
    assert page.status_code == 503
    assert NO_DATABASE in text_of(page)
    assert seed.exit_code == 1
    assert seed.output.endswith("file is not a database\n")


@pytest.mark.behaviour("site.nul")
@pytest.mark.parametrize("address", ["/?q=a%00b", "/events/a%00b", "/login?next=%00"])
def test_an_address_with_a_nul_is_refused(client, address):
    answer = client.get(address)

    assert answer.status_code == 400
    assert "A text may hold any character but NUL." in text_of(answer)


@pytest.mark.behaviour("site.nul")
def test_a_form_with_a_nul_is_refused(add_event, buy, stored):
    answer = buy(add_event(price_cents=0), name="Ada\0")

    assert answer.status_code == 400
    assert "A text may hold any character but NUL." in text_of(answer)
    assert stored("Order") == []


POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)


@pytest.mark.behaviour("site.headers")
@pytest.mark.parametrize("address", ["/", "/healthz", "/login", "/no-such-page", "/organiser"])
def test_every_page_carries_the_security_headers_and_is_kept_by_no_cache(client, address):
    headers = client.get(address).headers

    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


@pytest.mark.behaviour("site.headers")
def test_the_style_carries_them_too_and_may_be_kept(client):
    with client.get("/static/style.css") as style:
        assert style.headers["Content-Security-Policy"] == POLICY
        assert style.headers["X-Content-Type-Options"] == "nosniff"
        assert style.headers["Cache-Control"] != "no-store"


@pytest.mark.behaviour("site.headers")
def test_without_tables_the_headers_are_there_too(app_without_tables):
    answer = app_without_tables.test_client().get("/")

    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.behaviour("site.too_large")
def test_a_huge_form_is_refused(add_event, buy, stored):
    answer = buy(add_event(price_cents=0), name="x" * 2**20)

    assert answer.status_code == 413
    assert "Back to the events" in text_of(answer)
    assert stored("Order") == []


@pytest.mark.behaviour("site.host")
@pytest.mark.parametrize("host", ["a..b", ".", "x" * 64])
def test_a_host_that_there_cannot_be_is_a_400(client, host):
    assert client.get("/about", headers={"Host": host}).status_code == 400


@pytest.mark.behaviour("log.no_keys")
@pytest.mark.parametrize(
    "page", ["/orders/A0001/secret-1", "/share/A0001/secret-1", "/waitlist/token-1"]
)
def test_an_unexpected_error_is_logged_without_the_key_in_its_address(
    add_entry, add_event, add_order, app, caplog, client, monkeypatch, page
):
    event = add_event()
    add_order(event)
    add_entry(event, "offered")
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    def fail(*page, **facts):
        raise RuntimeError("Something unexpected.")

    monkeypatch.setattr(app.jinja_env, "get_or_select_template", fail)

    with pytest.raises(RuntimeError):
        # The error page is a template as well.
        client.get(page)

    assert "Exception on /" in caplog.text
    assert "secret-1" not in caplog.text and "token-1" not in caplog.text


@pytest.mark.behaviour("log.no_keys")
@pytest.mark.usefixtures("app")
def test_the_access_log_of_flask_run_masks_keys(caplog):
    log = logging.getLogger("werkzeug")
    log.setLevel(logging.INFO)

    for path in (
        "/orders/A0001/secret-1/cancel",
        "//share//A0001//secret-1",
        "/waitlist/secret-1?a",
    ):
        log.info('%s - "%s" 200', "127.0.0.1", f"GET {path} HTTP/1.1")

    assert caplog.messages == [
        '127.0.0.1 - "GET /orders/A0001/*** HTTP/1.1" 200',
        '127.0.0.1 - "GET //share//A0001//*** HTTP/1.1" 200',
        '127.0.0.1 - "GET /waitlist/***?*** HTTP/1.1" 200',
    ]
