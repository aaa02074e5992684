"""A signature program in the way of the mail, and a client that stores its copy only afterwards (U2, U3, U4)."""

import pytest
from exchangelib import HTMLBody

import processes
from gateway import FOOTER, FOOTER_HTML, Gateway, free_port
from mailclient import compose, new_message_id, sent_copies, store_sent

# alterMIME puts its footer before the end of the body, and passes HTML without one by.
HTML = "<html><body><p>Text</p></body></html>"


@pytest.fixture(scope="module")
def intake(updater):
    """Port of the updater's SMTP door."""
    port = free_port()
    updater.configure(intake={"smtp": {"listen": f"127.0.0.1:{port}"}})
    def opened():
        door = updater.json("GET", "status")["smtp"]
        return door and not door["problem"]
    processes.until(opened, 20, "the SMTP door to open", lambda: updater.json("GET", "status"))
    return port


@pytest.fixture(scope="module")
def gateway(intake, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    # pytest keeps its folders to itself; Postfix gives up root's rights and must still get to its own.
    for parent in (folder, *list(folder.parents)[:2]):
        parent.chmod(0o755)
    with Gateway(folder, intake) as running:
        yield running


def send_first_and_store_later(gateway, updater, account, sender, message):
    """The processed copy arrives; the updater looks in vain; then the client stores what it sent."""
    gateway.send(sender, ["kim@kunde.example", "lee@kunde.example"], message.as_bytes())
    (arrived,) = processes.until(lambda: updater.find(message["Message-ID"]), 60, "the processed copy", gateway.log)
    processes.until(lambda: updater.message(arrived["id"])["tries"] >= 2, 30, "two looks in vain", updater.process.log)
    assert updater.message(arrived["id"])["state"] == "waiting"
    assert arrived["source"] == "smtp", arrived
    stored = store_sent(account, message, categories=["Kunde"])
    outcome = updater.outcome(arrived["id"])
    assert outcome["state"] == "updated", outcome
    (copy,) = sent_copies(account, message["Message-ID"])
    assert copy.id == stored.id and copy.categories == ["Kunde"] and copy.is_read and not copy.is_draft
    return copy


def test_a_message_in_html_gets_the_footer_into_the_copy_that_was_stored_later(gateway, updater, anna, sandbox):
    message = compose(f"Anna Bergström <{sandbox.anna}>", "Kim <kim@kunde.example>", "Prüfbericht Rotor 7",
                      "Anbei der Bericht.\nGrüße, Anna",
                      "<html><body><p>Anbei der <b>Bericht</b>.</p><p>Grüße, Anna</p></body></html>",
                      new_message_id(), [("Bericht.pdf", "application", "pdf", b"%PDF-1.7 report")])
    copy = send_first_and_store_later(gateway, updater, anna, sandbox.anna, message)
    assert isinstance(copy.body, HTMLBody)
    assert FOOTER_HTML in copy.body and "Anbei der <b>Bericht</b>" in copy.body
    assert FOOTER in copy.text_body and "Grüße, Anna" in copy.text_body
    assert copy.subject == "Prüfbericht Rotor 7"
    assert [(a.name, a.content) for a in copy.attachments] == [("Bericht.pdf", b"%PDF-1.7 report")]


def test_a_plain_message_gets_it_too(gateway, updater, anna, sandbox):
    message = compose(sandbox.anna, "kim@kunde.example", "Kurz", "Passt so.\nAnna", message_id=new_message_id())
    copy = send_first_and_store_later(gateway, updater, anna, sandbox.anna, message)
    assert copy.text_body.splitlines()[:2] == ["Passt so.", "Anna"]
    assert FOOTER in copy.text_body


def test_a_message_that_the_client_stored_before_is_updated_as_well(gateway, updater, anna, sandbox):
    message = compose(sandbox.anna, "kim@kunde.example", "Vorher", "Text", HTML, new_message_id())
    store_sent(anna, message)
    gateway.send(sandbox.anna, ["kim@kunde.example"], message.as_bytes())
    (arrived,) = processes.until(lambda: updater.find(message["Message-ID"]), 60, "the processed copy", gateway.log)
    assert updater.outcome(arrived["id"])["state"] == "updated"
    (copy,) = sent_copies(anna, message["Message-ID"])
    assert FOOTER_HTML in copy.body


def test_postfix_keeps_what_the_updater_can_not_take_now_and_brings_it_later(gateway, updater, anna, sandbox, intake):
    """U2: accepted means durable, and what is not accepted stays with the relay."""
    message = compose(sandbox.anna, "kim@kunde.example", "Später", "Text", HTML, new_message_id())
    store_sent(anna, message)
    updater.configure(intake={})
    processes.until(lambda: not updater.json("GET", "status")["smtp"], 20, "the SMTP door to close")
    gateway.send(sandbox.anna, ["kim@kunde.example"], message.as_bytes())
    processes.until(lambda: "status=deferred" in gateway.log(), 30, "Postfix to keep the message", gateway.log)
    assert updater.find(message["Message-ID"]) == []
    updater.configure(intake={"smtp": {"listen": f"127.0.0.1:{intake}"}})
    (arrived,) = processes.until(lambda: updater.find(message["Message-ID"]), 60, "Postfix to bring it", gateway.log)
    assert updater.outcome(arrived["id"])["state"] == "updated"
    (copy,) = sent_copies(anna, message["Message-ID"])
    assert FOOTER in copy.text_body
