"""Organisers log in and out."""

import pytest

from tests.kit.helpers import MINUTE, NOW, TICK, elsewhere, text_of

ORGANISER_PAGES = [
    "/organiser",
    "/organiser/events/new",
    "/organiser/events/the-glass-orchestra/edit",
    "/organiser/vouchers",
    "/organiser/events/the-glass-orchestra/sales",
]
ORGANISER_FORMS = [*ORGANISER_PAGES[1:4], "/organiser/events/the-glass-orchestra/checkin"]


@pytest.mark.behaviour("login.ok")
def test_an_organiser_logs_in_and_sees_the_events(client, log_in):
    answer = log_in()

    assert answer.status_code == 303
    assert answer.location == "/organiser"
    assert client.get("/organiser").status_code == 200


@pytest.mark.behaviour("login.ok")
def test_an_organiser_lands_where_they_wanted_to_go(client, log_in):
    login = client.get("/organiser/vouchers?code=1").location
    page = client.get(login)

    assert f'action="{login}"' in page.text
    assert log_in(address=login).location == "/organiser/vouchers?code=1"


@pytest.mark.behaviour("login.wrong")
@pytest.mark.parametrize(
    ("name", "password"),
    [("Unknown", "correct horse"), ("Greta", "wrong"), ("Greta", "")],
)
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(client, log_in, name, password):
    answer = log_in(name, password)

    assert answer.status_code == 401
    assert "The name or the password is wrong." in text_of(answer)
    assert f'value="{name}"' in answer.text
    assert client.get("/organiser").status_code == 303


@pytest.fixture
def guess(log_in):
    """Return a function that tries wrong passwords, and gives the status of each answer."""
    return lambda times, name="Greta": [log_in(name, "wrong").status_code for _ in range(times)]


@pytest.mark.behaviour("login.slowed")
def test_after_five_wrong_guesses_every_login_with_this_name_is_refused(client, guess, log_in):
    assert guess(5) == [401] * 5

    answer = log_in()

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 300
    assert "Too many tries" in text_of(answer)
    assert 'value="Greta"' in answer.text
    assert client.get("/organiser").status_code == 303


@pytest.mark.behaviour("login.slowed")
def test_a_name_that_does_not_exist_is_slowed_like_any_other(guess, models, store):
    for _ in range(4):
        store(models.FailedLogin(name="unknown", at=NOW))

    assert guess(2, "Unknown") == [401, 429]


@pytest.mark.behaviour("login.slowed")
def test_a_name_in_another_case_is_the_same_name(guess, log_in):
    guess(5)

    assert log_in("gReTa").status_code == 429


@pytest.mark.behaviour("login.slowed")
def test_after_four_wrong_guesses_the_right_password_is_accepted(guess, log_in):
    guess(4)

    assert log_in().status_code == 303


@pytest.mark.behaviour("login.slowed")
def test_guesses_at_one_name_do_not_lock_another(guess, log_in, models, organiser, store):
    store(models.Organiser(name="Ada", password_hash=organiser.password_hash))
    guess(5)

    assert log_in("Ada").status_code == 303


@pytest.mark.behaviour("login.slowed")
def test_after_five_minutes_one_may_try_again(clock, guess, log_in):
    guess(5)

    clock.move_to(NOW + 5 * MINUTE - TICK)
    assert log_in().status_code == 429
    clock.move_to(NOW + 5 * MINUTE + TICK)
    assert log_in().status_code == 303


@pytest.mark.behaviour("login.slowed")
def test_guesses_of_longer_ago_do_not_count(clock, guess, log_in):
    guess(4)
    clock.move_to(NOW + 5 * MINUTE + TICK)

    assert guess(4) == [401] * 4
    assert log_in().status_code == 303


@pytest.mark.behaviour("login.slowed")
def test_a_name_too_long_for_an_organiser_is_refused_like_any_other(guess):
    assert guess(1, "x" * 1000) == [401]


@pytest.mark.behaviour("login.slowed")
def test_guesses_that_are_sent_in_parallel_are_counted(app, import_from_app, log_in, monkeypatch):
    """While the first password is checked, six others come: five answers in all."""
    auth = import_from_app("views.auth")
    check_password_hash = auth.check_password_hash
    statuses = []

    def check_slowly(*facts):
        monkeypatch.setattr(auth, "check_password_hash", check_password_hash)
        for _ in range(6):
            fields = {"name": "Greta", "password": "wrong"}
            answer = elsewhere(app.test_client().post, "/login", data=fields)
            statuses.append(answer.status_code)
        return check_password_hash(*facts)

    monkeypatch.setattr(auth, "check_password_hash", check_slowly)
    statuses.append(log_in("Greta", "wrong").status_code)

    assert statuses == [401] * 4 + [429] * 2 + [401]


@pytest.mark.behaviour("login.slowed")
def test_a_right_password_is_not_counted_as_a_guess(log_in, stored):
    for _ in range(6):
        assert log_in().status_code == 303

    assert stored("FailedLogin") == []


@pytest.mark.behaviour("login.next")
@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example/",
        "/\t/elsewhere.example/",
        "javascript:alert(1)",
        "elsewhere",
        "",
    ],
)
def test_next_does_not_lead_to_another_site(log_in, target):
    answer = log_in(query_string={"next": target})

    assert answer.location == "/organiser"


@pytest.mark.behaviour("login.next")
def test_next_leads_to_a_page_of_this_site(log_in):
    assert log_in(query_string={"next": "/about?a=b"}).location == "/about?a=b"


@pytest.mark.behaviour("login.required")
@pytest.mark.parametrize("page", ORGANISER_PAGES)
def test_the_organisers_pages_send_a_visitor_to_the_login(add_event, client, page):
    add_event()

    answer = client.get(page)

    assert answer.status_code == 303
    assert answer.location == f"/login?next={page}"


@pytest.mark.behaviour("login.required")
@pytest.mark.parametrize("page", ORGANISER_FORMS)
def test_the_organisers_forms_send_a_visitor_to_the_login(add_event, client, page):
    add_event()

    answer = client.post(page, data={})

    assert answer.status_code == 303
    assert answer.location == "/login"


@pytest.mark.behaviour("login.logout")
def test_after_logging_out_the_organisers_pages_are_closed(organiser_client):
    answer = organiser_client.post("/logout")

    assert answer.status_code == 303
    assert answer.location == "/"
    assert "You are logged out." in text_of(organiser_client.get("/"))
    assert organiser_client.get("/organiser").status_code == 303


@pytest.fixture
def copied_cookie(app, organiser_client):
    """A client with a copy of the organiser's cookie."""
    copy = app.test_client()
    copy.set_cookie("session", organiser_client.get_cookie("session").value)
    assert copy.get("/organiser").status_code == 200
    return copy


@pytest.mark.behaviour("login.logout")
def test_logging_out_ends_copies_of_the_cookie(copied_cookie, organiser_client):
    organiser_client.post("/logout")

    assert copied_cookie.get("/organiser").location == "/login?next=/organiser"


@pytest.mark.behaviour("login.logout")
def test_an_old_cookie_ends_no_later_login(copied_cookie, log_in, organiser_client):
    organiser_client.post("/logout")
    log_in()

    copied_cookie.post("/logout")

    assert organiser_client.get("/organiser").status_code == 200


@pytest.mark.behaviour("login.ok")
def test_a_login_outlives_a_logout_that_comes_while_its_password_is_checked(
    copied_cookie, import_from_app, log_in, monkeypatch, organiser_client
):
    views = import_from_app("views.auth")
    check = views.check_password_hash

    def check_slowly(*arguments):
        elsewhere(copied_cookie.post, "/logout")
        return check(*arguments)

    monkeypatch.setattr(views, "check_password_hash", check_slowly)
    log_in()

    assert organiser_client.get("/organiser").status_code == 200


@pytest.mark.behaviour("login.logout")
def test_two_logouts_at_once_are_counted_both(
    models, monkeypatch, new_session, organiser_client, stored
):
    """A logout waits for another one, and does not undo it."""
    lock = models.Lockable.lock

    def wait(row):
        monkeypatch.setattr(models.Lockable, "lock", lock)
        with new_session() as session:
            session.get(models.Organiser, row.id).session_version += 2
            session.commit()
        row.lock()

    monkeypatch.setattr(models.Lockable, "lock", wait)
    organiser_client.post("/logout")

    assert [organiser.session_version for organiser in stored("Organiser")] == [3]
