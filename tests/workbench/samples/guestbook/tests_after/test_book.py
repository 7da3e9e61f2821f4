import pytest
from book_after.app import motto
from book_after.models import Answer, Base, Entry, Guest
from book_after.services import signing
from flask.testing import FlaskClient
from sqlalchemy import Connection, create_engine, literal
from sqlalchemy.orm import Session


@pytest.mark.behaviour("book.list")
def test_list(connection: Connection) -> None:
    assert signing.names(connection) == ["Ada", "Grace"]


@pytest.mark.behaviour("book.sign")
def test_sign(connection: Connection) -> None:
    signing.sign(connection, "Edsger")
    assert signing.names(connection) == ["Ada", "Grace", "Edsger"]


@pytest.mark.behaviour("book.sign")
def test_no_name(connection: Connection) -> None:
    with pytest.raises(signing.Refused):
        signing.sign(connection, "")


@pytest.mark.behaviour("book.announce")
def test_announce() -> None:
    news: list[str] = []
    signing.announce("Ken", news.append)
    assert news == ["Ken was here"]


@pytest.mark.behaviour("book.prune")
@pytest.mark.parametrize("often", [2, 3])
def test_prune(often: int) -> None:
    # Without ordered flushes, its calls swing from run to run.
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    for _ in range(often):
        with Session(engine) as session:
            guest = Guest(name="Ada")
            guest.entries = [Entry(answers=[Answer(), Answer()]) for _ in range(2)]
            session.add(guest)
            session.commit()
            guest.entries.clear()
            session.commit()
            assert session.query(Answer).count() == 0
    engine.dispose()


@pytest.mark.behaviour("motto")
def test_the_motto() -> None:
    assert str(literal(motto())) == ":param_1"


@pytest.mark.behaviour("about")
def test_about(client: FlaskClient) -> None:
    # A comment is no difference.
    assert client.get("/about").text == "A guest book."


def test_by_name(client: FlaskClient) -> None:
    assert client.get("/nowhere").status_code == 404


@pytest.mark.xfail(reason="not built yet", strict=True)
def test_expected_to_fail() -> None:
    raise NotImplementedError
