"""The shops that are used by many processes at once. Started when a test asks for one."""

import multiprocessing
from contextlib import ExitStack

import pytest

from tests.equivalence.shop import Shop, running_shop

PACKAGES = ["before_mvt", "after_service_layer"]


@pytest.fixture(scope="session")
def running_shops(request, tmp_path_factory):
    """Both shops, each with its processes, database and servers."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("Processes cannot be forked here: run these tests in WSL.")
    url = request.config.getoption("database")
    with ExitStack() as stack:
        running = {}
        for package in PACKAGES:
            # In memory it could not be shared.
            file = f"sqlite:///{tmp_path_factory.mktemp(package)}/shop.sqlite"
            own = file if url == "sqlite://" else url
            running[package] = stack.enter_context(running_shop(package, own))
        yield running


@pytest.fixture
def shops(running_shops) -> list[Shop]:
    """Both shops, without sales."""
    for shop in running_shops.values():
        shop.open_afresh()
    return list(running_shops.values())


@pytest.fixture(params=PACKAGES)
def shop(request, running_shops) -> Shop:
    """A shop where nothing was sold yet."""
    shop = running_shops[request.param]
    shop.open_afresh()
    return shop
