"""The sample mail of the sandbox: what Python's own mail parser reads in the processed message is what exchangelib
reads in the copy afterwards (U4, U7)."""
import email
import email.policy

import lxml.html
import pytest
from exchangelib import HTMLBody, ItemAttachment

import mailclient
from mailclient import sent_copies, store_sent
from sandbox import ORGANISATION, RESOURCES

SAMPLES = {sample["name"]: sample for sample in ORGANISATION["messages"] if sample.get("stored") != "never"
           and len(sample["processed"]) == 1}
UPDATED = [name for name, sample in SAMPLES.items() if sample["processed"][0]["expected"] == "updated-in-place"]
LEFT_ALONE = [name for name in SAMPLES if name not in UPDATED]


def read(name):
    return (RESOURCES / "mail" / name).read_bytes()


def words(text):
    return " ".join(text.split())


def visible(html):
    tree = lxml.html.fromstring(html)
    for hidden in tree.xpath("//style|//script|//title|//comment()"):
        hidden.drop_tree()
    return words(tree.text_content())


def body_of(message):
    """The part that a reader is shown, and its text."""
    part = message.get_body(("html", "plain"))
    text = part.get_content()
    return part, visible(text) if part.get_content_subtype() == "html" else words(text)


def files_of(message):
    """Name and content of everything that is neither a body nor a message."""
    body = {id(part) for part in (message.get_body(("html",)), message.get_body(("plain",))) if part is not None}
    return sorted((part.get_filename(), part.get_payload(decode=True)) for part in leaves(message)
                  if id(part) not in body and part.get_filename())


def leaves(message):
    """Parts with content; what is inside an attached message belongs to that."""
    if message.get_content_type() == "message/rfc822":
        return
    if message.is_multipart():
        for part in message.iter_parts():
            yield from leaves(part)
    else:
        yield message


def store(sandbox, sample):
    account = mailclient.mailbox_of(sandbox, sample["mailbox"])
    original = read(sample["original"])
    message_id = str(email.message_from_bytes(original, policy=email.policy.default)["Message-ID"])
    item = store_sent(account, original, categories=sample.get("categories"), importance="High")
    if not sample.get("read", True):
        item.is_read = False
        item.save(update_fields=["is_read"])
    (before,) = sent_copies(account, message_id)
    return account, message_id, before


@pytest.mark.parametrize("name", UPDATED)
def test_the_copy_reads_as_the_processed_message_does(sandbox, updater, name):
    sample = SAMPLES[name]
    account, message_id, before = store(sandbox, sample)
    processed = read(sample["processed"][0]["file"])
    outcome = updater.outcome(updater.submit(processed))
    assert (outcome["state"], outcome["rule"]) == ("updated", "updated-in-place"), outcome
    (after,) = sent_copies(account, message_id)

    expected = email.message_from_bytes(processed, policy=email.policy.default)
    part, text = body_of(expected)
    assert after.subject == str(expected["Subject"])
    if part.get_content_subtype() == "html":
        assert isinstance(after.body, HTMLBody)
        assert text in visible(after.body)
    else:
        assert text in words(after.text_body)
    files = sorted((a.name, a.content) for a in after.attachments if not isinstance(a, ItemAttachment))
    assert [file for file in files_of(expected) if file not in files] == []
    messages = [part for part in expected.walk() if part.get_content_type() == "message/rfc822"]
    attached = [a for a in after.attachments if isinstance(a, ItemAttachment)]
    assert len(attached) == len(messages)

    kept = ("id", "categories", "importance", "sensitivity", "is_read", "is_draft", "datetime_sent",
            "datetime_received", "conversation_id", "message_id", "to_recipients", "cc_recipients", "author", "sender",
            "parent_folder_id", "in_reply_to", "references")
    assert {name: getattr(after, name) for name in kept} == {name: getattr(before, name) for name in kept}
    assert after.mark


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_a_rule_leaves_alone_is_not_touched(sandbox, updater, name):
    sample = SAMPLES[name]
    account, message_id, before = store(sandbox, sample)
    outcome = updater.outcome(updater.submit(read(sample["processed"][0]["file"])))
    assert outcome["rule"] == sample["processed"][0]["expected"] and outcome["reason"], outcome
    (after,) = sent_copies(account, message_id)
    assert (after.id, after.changekey) == (before.id, before.changekey)
    assert after.mark is None
