"""What is sealed in the cookie: whoever has the key reads it, and nobody else."""

import pytest

from after_service_layer.support.sealing import seal, unseal

FACTS = ["lasting", "secret ключ", False]


@pytest.mark.behaviour("share.cookie")
@pytest.mark.parametrize("key", ["of the shop", "ключ", b"of the shop"])
def test_the_key_opens_what_it_has_sealed(key):
    assert unseal(seal(FACTS, key), key) == FACTS


@pytest.mark.behaviour("share.cookie")
def test_another_key_opens_nothing():
    assert unseal(seal(FACTS, "of the shop"), "of another shop") is None


@pytest.mark.behaviour("share.cookie")
@pytest.mark.parametrize("text", ["", "lasting", '["lasting"]'])
def test_a_text_that_was_never_sealed_is_none(text):
    assert unseal(text, "of the shop") is None


@pytest.mark.behaviour("share.cookie")
@pytest.mark.parametrize("place", [0, 20, -20])
def test_a_text_that_was_changed_is_none(place):
    letters = list(seal(FACTS, "of the shop"))
    letters[place] = "A" if letters[place] != "A" else "B"

    assert unseal("".join(letters), "of the shop") is None


@pytest.mark.behaviour("share.cookie")
def test_the_same_facts_are_never_sealed_alike():
    assert seal(FACTS, "of the shop") != seal(FACTS, "of the shop")
