"""Everything here shares one session of Wine, which ends with it."""
import pytest

import wine as wines


@pytest.fixture(scope="session")
def wine(tmp_path_factory):
    with wines.Wine(tmp_path_factory.mktemp("wine")) as running:
        yield running
