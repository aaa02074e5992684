"""What the tests of the laboratory share."""
import signal

import pytest

import mailclient
import sandbox as sandboxes
import updater as updaters


def pytest_configure():
    # Asked to end, it ends what it started, as with Ctrl-C.
    def interrupted(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, interrupted)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    with sandboxes.Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        mailclient.trust(running.ca_file)
        yield running


@pytest.fixture(scope="session")
def anna(sandbox):
    """Anna's mailbox, opened by the service account through impersonation."""
    return mailclient.mailbox_of(sandbox, sandbox.anna)


@pytest.fixture(scope="session")
def updater(sandbox, tmp_path_factory):
    """An updater that works on the sandbox and looks often for copies that are not there yet."""
    with updaters.Updater(tmp_path_factory.mktemp("updater"), sandbox) as running:
        running.configure()
        yield running
