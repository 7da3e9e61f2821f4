"""What is sealed in the cookie: only the same key opens it."""

import pytest

FACTS = ["lasting", "secret ключ", False]


@pytest.fixture(scope="session")
def sealing(import_from_app):
    return import_from_app("support.sealing")


@pytest.mark.behaviour("cookie.sealed")
@pytest.mark.parametrize("key", ["of the shop", "ключ", b"of the shop"])
def test_the_key_opens_what_it_has_sealed(sealing, key):
    assert sealing.unseal(sealing.seal(FACTS, key), key) == FACTS


@pytest.mark.behaviour("cookie.sealed")
def test_another_key_opens_nothing(sealing):
    assert sealing.unseal(sealing.seal(FACTS, "of the shop"), "of another shop") is None


@pytest.mark.behaviour("cookie.sealed")
@pytest.mark.parametrize("text", ["", "lasting", '["lasting"]'])
def test_a_text_that_was_never_sealed_is_none(sealing, text):
    assert sealing.unseal(text, "of the shop") is None


@pytest.mark.behaviour("cookie.sealed")
@pytest.mark.parametrize("place", [0, 20, -20])
def test_a_text_that_was_changed_is_none(sealing, place):
    letters = list(sealing.seal(FACTS, "of the shop"))
    letters[place] = "A" if letters[place] != "A" else "B"

    assert sealing.unseal("".join(letters), "of the shop") is None


@pytest.mark.behaviour("cookie.sealed")
def test_the_same_facts_are_never_sealed_alike(sealing):
    assert sealing.seal(FACTS, "of the shop") != sealing.seal(FACTS, "of the shop")
