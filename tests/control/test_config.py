"""The settings, and what is said about one that cannot be used."""

import pytest

from tests.kit.helpers import HOUR, NOW

USABLE = {"SECRET_KEY": "any", "SQLALCHEMY_DATABASE_URI": "sqlite://"}


@pytest.mark.behaviour("config.secret_key")
@pytest.mark.parametrize("settings", [{}, {"SECRET_KEY": ""}])
def test_without_a_secret_key_the_app_stops(create_app, monkeypatch, settings):
    monkeypatch.delenv("BOX_OFFICE_SECRET_KEY", raising=False)

    with pytest.raises(SystemExit, match=r"^BOX_OFFICE_SECRET_KEY is not set: give it a long"):
        create_app(settings)


@pytest.mark.behaviour("config.secret_key")
def test_the_secret_key_may_come_from_the_environment(create_app, monkeypatch):
    monkeypatch.setenv("BOX_OFFICE_SECRET_KEY", "from outside")

    app = create_app({"SQLALCHEMY_DATABASE_URI": "sqlite://"})

    assert app.secret_key == "from outside"


@pytest.mark.behaviour("config.database")
def test_without_a_database_url_it_is_a_file_with_the_name_of_the_package(create_app, package):
    app = create_app({"SECRET_KEY": "any"})

    assert app.config["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{package}.sqlite"


@pytest.mark.behaviour("config.invalid")
@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("SQLALCHEMY_DATABASE_URI", "", "give sqlite:///FILE or postgresql"),
        ("SQLALCHEMY_DATABASE_URI", "shop.sqlite", "give sqlite:///FILE or postgresql"),
        ("SQLALCHEMY_DATABASE_URI", "mysql://host/shop", "give sqlite:///FILE or postgresql"),
        ("SQLALCHEMY_DATABASE_URI", "postgresql://host:port/shop", "give sqlite:///FILE or"),
        ("PAYMENTS_URL", "gateway.example", "give an address that starts with http"),
        ("PAYMENTS_URL", "https://", "give an address that starts with http"),
        ("SHARE_URL", "network.example/oauth", "give an address that starts with http"),
        ("SHARE_URL", "http://network.example:99999", "give an address that starts with http"),
        ("SHARE_URL", "http://network.example:0", "give an address that starts with http"),
        ("SHARE_URL", "http://network..example", "give an address that starts with http"),
        ("SHARE_URL", f"http://{'x' * 64}.example", "give an address that starts with http"),
        ("SHARE_URL", "http://ada:word@network.example", "give an address that starts with http"),
        ("SHARE_URL", "http://network.example/oauth?a=b", "give an address that starts with http"),
        ("SHARE_URL", " http://network.example", "give an address that starts with http"),
        ("SHARE_CLIENT_KEY", "ключ", "is no text in ASCII"),
        ("SHARE_CLIENT_SECRET", "\udcff", "is no text in ASCII"),
        ("SITE_URL", "tickets.example", "give an address that starts with http"),
        ("SITE_URL", "http://", "give an address that starts with http"),
        ("PAYMENTS_API_KEY", "ключ", "is no text in ASCII"),
        ("MAIL_SENDER", "shop", "give an e-mail address"),
        ("MAIL_SENDER", "=?utf-8?q?a=40b?=@example.org", "give an e-mail address"),
        ("MAIL_SENDER", "büro@example.org", "give an e-mail address"),
        ("MAIL_SENDER", "shop@example.org\nBcc: all@example.org", "give an e-mail address"),
        ("PAYMENTS_TIMEOUT", "soon", "give seconds, above 0, up to 3600."),
        ("PAYMENTS_TIMEOUT", "0", "give seconds, above 0, up to 3600."),
        ("PAYMENTS_TIMEOUT", "-1", "give seconds, above 0, up to 3600."),
        ("PAYMENTS_TIMEOUT", "3601", "give seconds, above 0, up to 3600."),
        ("PAYMENTS_TIMEOUT", "nan", "give seconds, above 0, up to 3600."),
        ("MAIL_PORT", "smtp", "give a port, above 0, up to 65535."),
        ("MAIL_PORT", "0", "give a port, above 0, up to 65535."),
        ("MAIL_PORT", "65536", "give a port, above 0, up to 65535."),
    ],
)
def test_a_setting_that_cannot_be_used_stops_the_app(
    create_app, monkeypatch, key, value, accepted
):
    monkeypatch.setenv(f"BOX_OFFICE_{key}", value)
    settings = {name: USABLE[name] for name in USABLE if name != key}

    with pytest.raises(SystemExit, match=f"^BOX_OFFICE_{key} .*{accepted}"):
        create_app(settings)


@pytest.mark.behaviour("config.invalid")
@pytest.mark.parametrize("key", ["PAYMENTS_API_KEY", "SHARE_CLIENT_KEY", "SHARE_CLIENT_SECRET"])
@pytest.mark.parametrize("value", [None, 7, b"bytes"])
def test_a_secret_that_is_no_text_stops_the_app(create_app, key, value):
    with pytest.raises(SystemExit, match=f"^BOX_OFFICE_{key} is no text in ASCII"):
        create_app({**USABLE, key: value})


@pytest.mark.behaviour("config.invalid")
@pytest.mark.parametrize("key", ["PAYMENTS_URL", "SHARE_URL", "SITE_URL"])
def test_an_address_that_is_no_text_stops_the_app(create_app, key):
    with pytest.raises(SystemExit, match=f"^BOX_OFFICE_{key} is .*: give an address"):
        create_app({**USABLE, key: b"https://tickets.example"})


@pytest.mark.behaviour("config.invalid")
@pytest.mark.parametrize(
    ("key", "value", "used"),
    [
        ("PAYMENTS_TIMEOUT", "0.5", 0.5),
        ("PAYMENTS_TIMEOUT", "3600", 3600),
        ("MAIL_PORT", "1", 1),
        ("MAIL_PORT", "65535", 65535),
    ],
)
def test_a_setting_at_its_limit_is_used(create_app, monkeypatch, key, value, used):
    monkeypatch.setenv(f"BOX_OFFICE_{key}", value)

    assert create_app(USABLE).config[key] == used


@pytest.fixture
def client_of(create_app):
    """Return a function that makes a client of a shop with this SITE_URL."""
    return lambda site_url: create_app({**USABLE, "SITE_URL": site_url}).test_client()


@pytest.mark.behaviour("config.site_url")
def test_with_https_cookies_and_browsers_stay_on_it(client_of):
    page = client_of("https://tickets.example").get("/login", base_url="https://tickets.example")

    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "; Secure" in page.headers["Set-Cookie"]


@pytest.mark.behaviour("config.site_url")
def test_without_https_they_need_not(client_of):
    page = client_of("http://tickets.example").get("/login")

    assert "Strict-Transport-Security" not in page.headers
    assert "; Secure" not in page.headers["Set-Cookie"]
    assert "; HttpOnly" in page.headers["Set-Cookie"]


@pytest.mark.behaviour("config.site_url")
@pytest.mark.parametrize(
    ("name", "status"), [("tickets.example", 200), ("elsewhere.example", 400), ("localhost", 400)]
)
def test_with_https_the_shop_answers_to_its_own_name_only(client_of, name, status):
    client = client_of("https://tickets.example")

    assert client.get("/about", base_url=f"https://{name}").status_code == status


@pytest.mark.behaviour("config.site_url")
@pytest.mark.parametrize(
    ("site_url", "host", "status"),
    [
        ("https://tickets.example", "tickets.example:443", 200),
        ("https://tickets.example", "tickets.example:8443", 400),
        ("https://tickets.example", "tickets.example:80", 400),
        ("https://tickets.example:443", "tickets.example", 200),
        ("https://tickets.example:8443", "tickets.example:8443", 200),
        ("https://tickets.example:8443", "tickets.example", 400),
    ],
)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_with_https_the_shop_answers_on_its_own_port_only(
    client_of, site_url, host, status, scheme
):
    """A proxy that ends TLS speaks http to the shop."""
    client = client_of(site_url)

    answer = client.get("/about", base_url=f"{scheme}://tickets.example", headers={"Host": host})

    assert answer.status_code == status


@pytest.mark.behaviour("config.site_url")
@pytest.mark.parametrize("site_url", ["https://tickets.example", "https://tickets.example/"])
def test_the_links_in_mails_start_with_it(
    add_event, add_order, app, mailbox, monkeypatch, run_job, site_url
):
    monkeypatch.setitem(app.config, "SITE_URL", site_url)
    order = add_order(add_event(starts_at=NOW + HOUR))

    run_job("remind")

    [mail] = mailbox.mails
    link = f"https://tickets.example/orders/{order.reference}/{order.secret}\n"
    assert link in mail.get_content()


@pytest.mark.behaviour("config.site_url")
def test_a_forged_host_is_not_in_a_mail(add_event, buy, client, gateway, mailbox):
    gateway.charges()
    client.environ_base["HTTP_HOST"] = "evil.example"

    answer = buy(add_event())

    assert answer.status_code == 303
    [mail] = mailbox.mails
    assert f"http://127.0.0.1:5000{answer.location}\n" in mail.get_content()
    assert "evil.example" not in str(mail)
