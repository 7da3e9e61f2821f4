import pytest
import responses
from book_before.app import motto
from book_before.models import Answer, Base, Entry, Guest
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, literal, text
from sqlalchemy.orm import Session


@pytest.mark.behaviour("book.list")
def test_first_of_the_session(client: FlaskClient) -> None:
    assert client.get("/").text.startswith("Ada, Grace")


@pytest.mark.behaviour("book.list")
def test_last_of_the_session(client: FlaskClient) -> None:
    assert client.get("/").text.startswith("Ada, Grace")


@pytest.fixture(scope="class")
def guest(book: Engine) -> str:
    """One statement: a third guest."""
    with book.begin() as connection:
        connection.execute(text("INSERT INTO guest (name) VALUES ('Alan')"))
    return "Alan"


class TestSign:
    signed = 0

    @pytest.mark.behaviour("book.sign")
    def test_sign(self, client: FlaskClient, guest: str) -> None:
        # True only of an instance that no other run has used.
        self.signed += 1
        assert self.signed == 1
        assert client.post("/", data={"name": "Edsger"}).status_code == 201
        assert client.get("/").text.endswith("Edsger")

    @pytest.mark.behaviour("book.sign")
    @pytest.mark.parametrize("name", ["", "\0"])
    def test_no_name(self, client: FlaskClient, guest: str, name: str) -> None:
        assert client.post("/", data={"name": name.strip("\0")}).status_code == 422


@pytest.mark.behaviour("book.announce", "book.sign")
def test_announce(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C")
    with responses.RequestsMock() as world:
        world.post("http://news.test/", json={})
        assert client.post("/", data={"name": "Ken", "announce": "1"}).status_code == 201


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
    assert client.get("/about").text == "A guest book."


def test_by_name(client: FlaskClient) -> None:
    assert client.get("/nowhere").status_code == 404


@pytest.fixture(scope="session")
def seen() -> list[str]:
    return []


def test_leaves_something_behind(seen: list[str]) -> None:
    assert not seen
    seen.append("a trace")


@pytest.mark.skip(reason="for another day")
def test_skipped() -> None:
    raise AssertionError
