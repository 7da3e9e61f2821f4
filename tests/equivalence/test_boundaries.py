"""What can be imported without a framework, tried in a fresh interpreter."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FRAMEWORKS = {"flask", "flask_sqlalchemy", "flask_wtf", "requests", "werkzeug", "wtforms"}


def frameworks_behind(*modules):
    """Return which frameworks come in with an import of these modules."""
    program = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return FRAMEWORKS.intersection(run.stdout.split())


def test_services_and_models_need_no_framework():
    services = [path.stem for path in (ROOT / "after_service_layer/services").glob("[!_]*.py")]
    modules = [
        "models",
        "support.money",
        "support.clock",
        *(f"services.{name}" for name in services),
    ]

    assert len(services) >= 7
    assert frameworks_behind(*(f"after_service_layer.{module}" for module in modules)) == set()


def test_a_service_is_given_what_it_needs_and_does_not_ask_for_it():
    services = (ROOT / "after_service_layer/services").glob("*.py")
    asking = [path.name for path in services if "from_context(" in path.read_text("utf-8")]

    # It defines the method.
    assert asking == ["base.py"]


def test_a_service_does_not_name_a_framework():
    # docs/workshop.md has the room look for these words.
    services = (ROOT / "after_service_layer/services").glob("*.py")
    words = re.compile("flask|werkzeug|wtforms|requests")

    assert [path.name for path in services if words.search(path.read_text("utf-8"))] == []


def test_a_package_alone_needs_no_framework():
    assert frameworks_behind("before_mvt", "after_service_layer") == set()


def test_a_view_does_need_them():
    assert frameworks_behind("after_service_layer.app") == FRAMEWORKS
