from collections.abc import Iterator

import pytest
from book_before.app import create_app
from flask.testing import FlaskClient
from sqlalchemy import Engine, StaticPool, create_engine, text


@pytest.fixture(scope="session")
def book() -> Iterator[Engine]:
    """Three statements: a table and two guests. One more when it is put away."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE guest (id INTEGER PRIMARY KEY, name TEXT)"))
        connection.execute(text("INSERT INTO guest (name) VALUES ('Ada')"))
        connection.execute(text("INSERT INTO guest (name) VALUES ('Grace')"))
    yield engine
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE guest"))
    engine.dispose()


@pytest.fixture
def client(book: Engine) -> FlaskClient:
    return create_app(book).test_client()
