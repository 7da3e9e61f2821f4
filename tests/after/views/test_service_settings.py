"""What may stand in SERVICES, and where it comes from."""

import pytest

from after_service_layer.service_settings import read_services

behaviour = pytest.mark.behaviour

A_DICT = "give a dict whose keys are names."
ARGUMENTS = "give keyword arguments (a dict), or [args, kwargs]."
FOO = "SERVICES['one']['FooService']"


def read(services):
    return read_services({"SERVICES": services}, {})


@behaviour("services.arguments")
@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        ((("a", 2), {"n": 60}), (("a", 2), {"n": 60})),
        ([["a", 2], {"n": 60}], (["a", 2], {"n": 60})),
        (((), {}), ((), {})),
        ({"n": 60}, ((), {"n": 60})),
        ({}, ((), {})),
    ],
)
def test_settings_are_args_and_kwargs_or_kwargs_alone(settings, arguments):
    assert read({"one": {"FooService": settings}}) == {("one", "FooService"): arguments}


@behaviour("services.invalid")
@pytest.mark.parametrize(
    ("services", "sentence"),
    [
        (None, f"SERVICES is of type NoneType: {A_DICT}"),
        ({1: {}}, f"SERVICES is of type dict: {A_DICT}"),
        ({"": {}}, f"SERVICES is of type dict: {A_DICT}"),
        ({"one": ["FooService"]}, f"SERVICES['one'] is of type list: {A_DICT}"),
        ({"one": {None: {}}}, f"SERVICES['one'] is of type dict: {A_DICT}"),
        ({"one": {"FooService": "a"}}, f"{FOO} is of type str: {ARGUMENTS}"),
        ({"one": {"FooService": []}}, f"{FOO} is of type list: {ARGUMENTS}"),
        ({"one": {"FooService": ("a", {})}}, f"{FOO} is of type tuple: {ARGUMENTS}"),
        ({"one": {"FooService": ((), {}, {})}}, f"{FOO} is of type tuple: {ARGUMENTS}"),
        ({"one": {"FooService": {2: 60}}}, f"{FOO} is of type dict: {A_DICT}"),
        ({"one": {"FooService": ((), None)}}, f"{FOO}[1] is of type NoneType: {A_DICT}"),
    ],
)
def test_the_wrong_form_stops_the_program_with_its_path(services, sentence):
    with pytest.raises(SystemExit) as stopped:
        read(services)

    assert str(stopped.value) == sentence


@behaviour("services.invalid")
@pytest.mark.parametrize("content", [b"{'share': {}}", b"\xff", b"a = " + b"[" * 100_000, None])
def test_a_file_that_cannot_be_read_stops_the_program_and_shows_no_secret(tmp_path, content):
    file = tmp_path / "secret word.toml"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SystemExit) as stopped:
        read(str(file))

    assert str(stopped.value).startswith("SERVICES cannot be read (")
    assert str(stopped.value).endswith("): give the path of a TOML file.")
    assert "secret word" not in str(stopped.value)


@behaviour("services.laid_over")
def test_services_come_from_the_caller_or_else_from_the_file_of_the_environment(
    monkeypatch, tmp_path
):
    file = tmp_path / "services.toml"
    file.write_text("[one.FooService]\nn = 60\n")
    from_file = {("one", "FooService"): ((), {"n": 60})}

    monkeypatch.setenv("BOX_OFFICE_SERVICES", str(file))
    assert read_services({}, {}) == from_file
    assert read({}) == {}
    monkeypatch.setenv("BOX_OFFICE_SERVICES", "")
    assert read_services({}, {}) == {}
    assert read(str(file)) == from_file


@behaviour("services.laid_over")
def test_an_entry_is_laid_over_the_whole_default_entry_and_over_no_other():
    defaults = {"one": {"FooService": {"n": 1, "m": 1}, "BarService": {}}, "two": {"Foo": {}}}
    given = {"one": {"FooService": {"n": 2}}, "two": {}, "three": {"FooService": {}}}

    assert read_services({"SERVICES": given}, defaults) == {
        ("one", "FooService"): ((), {"n": 2}),
        ("one", "BarService"): ((), {}),
        ("two", "Foo"): ((), {}),
        ("three", "FooService"): ((), {}),
    }
