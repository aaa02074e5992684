"""Everything here shares one session of Wine, which ends with it, on one screen."""
import pytest

import screens
import wine as wines


@pytest.fixture(scope="session")
def screen():
    with screens.Screen() as running:
        yield running


@pytest.fixture(scope="session")
def wine(screen, tmp_path_factory):
    with wines.Wine(tmp_path_factory.mktemp("wine"), screen.display) as running:
        yield running
