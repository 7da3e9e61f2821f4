"""A part of tests/after can be used while other services do not exist yet."""

import subprocess
import sys

import pytest

from workbench.environment import ROOT

SERVICES = ROOT / "after_service_layer" / "services"
# What is no service: what the services are made of.
COMMON = {"__init__", "base", "batches", "errors", "interfaces"}

# Imports of these modules fail as those of missing files do.
WITHOUT = """\
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())

import pytest

sys.exit(pytest.main(["-q", *sys.argv[2:]]))
"""


@pytest.mark.parametrize(
    ("test", "needed"),
    [
        ("test_pricing.py", {"pricing"}),
        ("test_sharing.py", {"sharing"}),
        ("test_catalogue.py", {"catalogue"}),
        ("test_oauth1.py", {"oauth1"}),
        (
            "test_waitlist.py::test_seats_that_are_taken_are_not_offered",
            {"waiting_list", "catalogue", "notifications"},
        ),
    ],
)
def test_a_test_needs_only_the_services_that_it_uses(test: str, needed: set[str]) -> None:
    others = {path.stem for path in SERVICES.glob("*.py")} - COMMON - needed
    missing = ",".join(f"after_service_layer.services.{name}" for name in sorted(others))

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, missing, f"tests/after/services/{test}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
