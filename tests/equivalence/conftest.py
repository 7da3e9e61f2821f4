"""The shops that are used by many processes at once. Started when a test asks for one."""

import multiprocessing
from importlib import import_module

import pytest

from tests.equivalence.processes import Crew
from tests.equivalence.servers import API_KEY, running_servers
from tests.equivalence.shop import WEBHOOK_SECRET, Shop
from workbench.sandbox.server import HOST

PACKAGES = ["before_mvt", "after_service_layer"]


@pytest.fixture(scope="session")
def servers():
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("Processes cannot be forked here: run these tests in WSL.")
    with pytest.MonkeyPatch.context() as patch, running_servers() as servers:
        # They are on this machine: HTTP_PROXY is not for them.
        patch.setenv("no_proxy", HOST)
        yield servers


@pytest.fixture(scope="session", params=PACKAGES)
def running_app(request, servers, tmp_path_factory):
    """An app with its tables, and a crew of processes for it."""
    bank, _, mail_port = servers
    url = request.config.getoption("database")
    if url == "sqlite://":
        # In memory it could not be shared.
        url = f"sqlite:///{tmp_path_factory.mktemp(request.param)}/shop.sqlite"
    settings = {
        "SECRET_KEY": "only for tests",
        "WTF_CSRF_ENABLED": False,
        "SQLALCHEMY_DATABASE_URI": url,
        "PAYMENTS_URL": bank.url,
        "PAYMENTS_API_KEY": API_KEY,
        "PAYMENTS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "MAIL_PORT": mail_port,
    }
    app = import_module(f"{request.param}.app").create_app(settings)
    db = app.extensions["sqlalchemy"]
    crew = Crew(request.param, settings)
    with app.app_context():
        db.create_all()
    yield app, crew
    crew.close()
    with app.app_context():
        db.drop_all()
        db.engine.dispose()


@pytest.fixture
def shop(running_app, servers):
    """A shop where nothing was sold yet."""
    app, crew = running_app
    bank, letters, _ = servers
    bank.open_afresh()
    letters.all.clear()
    models = import_module(f"{app.import_name}.models")
    yield Shop(app, models, crew, bank, letters)
    db = app.extensions["sqlalchemy"]
    with app.app_context(), db.engine.begin() as connection:
        for table in reversed(db.metadata.sorted_tables):
            connection.execute(table.delete())
