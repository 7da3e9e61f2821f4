"""The page kit, for the app with services."""

import pytest

from tests.kit.pages import *  # noqa: F403


@pytest.fixture(scope="session")
def package():
    return "after_service_layer"
