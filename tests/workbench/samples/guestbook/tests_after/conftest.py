from collections.abc import Iterator

import pytest
from book_after.app import create_app
from flask.testing import FlaskClient
from sqlalchemy import Connection, StaticPool, create_engine, text


@pytest.fixture
def connection() -> Iterator[Connection]:
    """Four statements: one more than before, so that something is worse."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE guest (id INTEGER PRIMARY KEY, name TEXT)"))
        connection.execute(text("INSERT INTO guest (name) VALUES ('Ada')"))
        connection.execute(text("INSERT INTO guest (name) VALUES ('Grace')"))
        connection.execute(text("SELECT 1"))
        yield connection
    engine.dispose()


@pytest.fixture
def client(connection: Connection) -> FlaskClient:
    return create_app(connection.engine).test_client()
