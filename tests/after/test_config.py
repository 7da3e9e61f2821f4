"""The settings, and what is said about one that cannot be used."""

import pytest

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
        ("PAYMENTS_API_KEY", "ключ", "has a letter outside ASCII"),
        ("MAIL_SENDER", "shop", "give an e-mail address."),
        ("MAIL_SENDER", "shop@example.org\nBcc: all@example.org", "give an e-mail address."),
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
