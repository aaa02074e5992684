"""Trouble that the sandbox makes on request, as a client meets it; and the sandbox stopped and started again."""
import time

import pytest
from exchangelib import FaultTolerance, FileAttachment, Message
from exchangelib.errors import (
    ErrorAccountDisabled,
    ErrorMailboxMoveInProgress,
    ErrorMailboxStoreUnavailable,
    ErrorNonExistentMailbox,
    ErrorQuotaExceeded,
    ErrorServerBusy,
    TransportError,
)
from exchangelib.protocol import FailFast

import mailclient
from mailclient import compose, new_message_id, sent_copies, store_sent, unique
from sandbox import Sandbox, busy


@pytest.fixture
def impatient(sandbox):
    """A client that gives up at the first trouble."""
    account = mailclient.mailbox_of(sandbox, sandbox.jonas)
    account.sent.refresh()
    with mailclient.retrying(account, FailFast()):
        yield account


@pytest.fixture
def patient(sandbox):
    """A client that tries again and keeps away when it is told to."""
    account = mailclient.mailbox_of(sandbox, sandbox.jonas)
    account.sent.refresh()
    with mailclient.retrying(account, FaultTolerance(max_wait=30)):
        yield account


def test_a_server_that_is_busy_says_how_long_to_stay_away(sandbox, impatient):
    with sandbox.fault("refuse", **busy(1500)):
        with pytest.raises(ErrorServerBusy) as refused:
            impatient.sent.refresh()
    assert refused.value.back_off == 1.5


def test_a_client_that_backs_off_as_told_gets_its_answer(sandbox, patient):
    with sandbox.fault("refuse", count=1, **busy(1500)):
        start = time.monotonic()
        patient.sent.refresh()
        assert time.monotonic() - start >= 1.5


def test_an_unavailable_service_is_tried_again(sandbox, patient):
    sandbox.reset_statistics()
    with sandbox.fault("status", status=503, retry_after=1, count=1):
        patient.sent.refresh()
    assert sandbox.statistics()["answers"]["503"] == 1


def test_html_in_place_of_an_answer_is_an_error_and_not_an_empty_folder(sandbox, impatient):
    with sandbox.fault("html", operation="FindItem"):
        with pytest.raises(Exception) as refused:
            list(impatient.sent.all()[:1])
    assert not isinstance(refused.value, StopIteration)


def test_a_write_whose_answer_was_lost_took_effect_when_the_fault_says_so(sandbox, impatient):
    subject = unique("lost answer")
    for executed, there in [(True, 1), (False, 0)]:
        with sandbox.fault("drop", operation="CreateItem", executed=executed, count=1):
            with pytest.raises((TransportError, OSError)):
                Message(account=impatient, folder=impatient.drafts, subject=f"{subject} {there}").save()
        assert impatient.drafts.filter(subject=f"{subject} {there}").count() == there


@pytest.mark.parametrize(("state", "error"), [
    ("moving", ErrorMailboxMoveInProgress),
    ("unavailable", ErrorMailboxStoreUnavailable),
    ("gone", ErrorNonExistentMailbox),
    ("disabled", ErrorAccountDisabled),
])
def test_a_mailbox_in_trouble_says_which(sandbox, impatient, state, error):
    with sandbox.state(sandbox.jonas, state):
        with pytest.raises(error):
            impatient.sent.refresh()
    impatient.sent.refresh()


def test_a_full_mailbox_can_be_read_but_takes_nothing_more(sandbox, impatient):
    with sandbox.state(sandbox.jonas, "full"):
        impatient.sent.refresh()
        with pytest.raises(ErrorQuotaExceeded):
            Message(account=impatient, folder=impatient.drafts, subject=unique()).save()


def test_more_requests_at_a_time_than_allowed_are_refused(sandbox, impatient):
    sandbox.control("PUT", "limits", {"max_concurrency": 0})
    try:
        with pytest.raises(Exception) as refused:
            impatient.sent.refresh()
    finally:
        sandbox.control("PUT", "limits", {"max_concurrency": 27})
    assert type(refused.value).__name__ in ("ErrorExceededConnectionCount", "ErrorServerBusy")
    impatient.sent.refresh()


def test_a_sandbox_that_was_stopped_and_started_again_has_everything_as_it_was(tmp_path):
    sandbox = Sandbox(tmp_path, "restarted")
    with sandbox:
        mailclient.trust(sandbox.ca_file)
        anna = mailclient.mailbox_of(sandbox, sandbox.anna)
        message_id = new_message_id()
        store_sent(anna, compose(sandbox.anna, "kim@kunde.example", "Bleibt", "x", "<p>x</p>", message_id,
                                 [("a.pdf", "application", "pdf", b"%PDF")]), categories=["Rot"], importance="High")
        (before,) = sent_copies(anna, message_id)
        before.attach(FileAttachment(name="b.bin", content=b"b"))
        (before,) = sent_copies(anna, message_id)
        list(anna.sent.sync_items())
        authority = sandbox.ca_pem
    with sandbox:
        assert sandbox.ca_pem == authority
        (after,) = sent_copies(anna, message_id)
        for name in ("id", "changekey", "subject", "body", "text_body", "categories", "importance", "is_read", "is_draft",
                     "datetime_sent", "datetime_created", "conversation_id", "message_id"):
            assert getattr(after, name) == getattr(before, name), name
        assert [(a.name, a.content) for a in after.attachments] == [("a.pdf", b"%PDF"), ("b.bin", b"b")]
        assert list(anna.sent.sync_items()) == []


@pytest.fixture(autouse=True)
def back_to_the_common_sandbox(sandbox):
    yield
    mailclient.trust(sandbox.ca_file)
