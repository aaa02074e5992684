"""The table of fidelity (src/updater/engine/fidelity.md), row by row, by programs of others: what Python's own mail parser
reads in the processed message is what exchangelib reads in the copy afterwards, structurally (U4, U7).

The messages are those of `tests/engine/fidelity`, which `cargo test --test engine` writes to target/tmp/fidelity."""
import collections
import email
import email.policy
import hashlib
import json
import pathlib
import re

import lxml.html
import pytest
from exchangelib import HTMLBody, ItemAttachment

from mailclient import sent_copies, store_sent

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "target/tmp/fidelity"
ROWS = json.loads((FOLDER / "rows.json").read_text()) if (FOLDER / "rows.json").exists() else []

Attached = collections.namedtuple("Attached", "name digest size content_id inline kind")


def test_the_rows_are_there():
    """Without them nothing below would be tested."""
    assert len(ROWS) > 40, "run `cargo test --test engine fidelity` first"


# ------------------------------------------------ the processed message, read by Python

def read(number, which):
    return (FOLDER / f"{number}.{which}.eml").read_bytes()


def is_attached(part):
    return part.get_content_disposition() == "attachment" or part.get_content_type() == "message/rfc822"


def split(part):
    """Bodies in their order, and everything else."""
    kind = part.get_content_type()
    if not part.is_multipart() or is_attached(part):
        text = kind in ("text/plain", "text/html") and not is_attached(part) and not part.get_filename()
        return ([part], []) if text else ([], [part])
    children = [split(child) for child in part.iter_parts()]
    files = [file for _, files in children for file in files]
    if kind == "multipart/alternative":
        # The last form is the best one.
        return next((bodies for bodies, _ in reversed(children) if bodies), []), files
    return [body for bodies, _ in children for body in bodies], files


def unflowed(text, delsp):
    """RFC 3676, without quoting."""
    lines = []
    for line in text.splitlines():
        if lines and lines[-1].endswith(" ") and lines[-1] != "-- ":
            lines[-1] = (lines[-1][:-1] if delsp else lines[-1]) + line
        else:
            lines.append(line)
    return "\n".join(lines)


def text_of(part):
    text = part.get_content()
    if part.get_content_type() == "text/plain" and part["Content-Type"].params.get("format", "").lower() == "flowed":
        text = unflowed(text, part["Content-Type"].params.get("delsp", "").lower() == "yes")
    # XML has no way to say these.
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", text)


def images_among_text(message):
    """Pictures between the parts of a plain text, as programs of Apple send them: shown in their place, which takes HTML."""
    if message.get_content_type() != "multipart/mixed":
        return []
    parts = list(message.iter_parts())
    texts = [at for at, part in enumerate(parts) if part.get_content_type() == "text/plain" and not is_attached(part)]
    return [part for part in parts[min(texts, default=0):max(texts, default=0)] if part.get_content_maintype() == "image"]


# The updater gives such a picture a content id.
OF_ITS_OWN = "of its own"


def expected_files(message):
    bodies, files = split(message)
    among = images_among_text(message)
    html = "".join(text_of(body) for body in bodies if body.get_content_type() == "text/html")
    for file in files:
        if file.get_content_type() == "message/rfc822":
            inner = file.get_payload(0)
            yield Attached(str(inner["Subject"]), words(inner.get_content()), None, None, False, "message/rfc822")
            continue
        content = file.get_payload(decode=True)
        content_id = (file["Content-ID"] or "").strip("<> ")
        location = str(file["Content-Location"] or "")
        named = bool(content_id) and f"cid:{content_id}" in html
        inline = named or bool(location) and location in html or file in among
        content_id = content_id if named else OF_ITS_OWN if file in among else None
        digest = hashlib.sha256(content).hexdigest()
        yield Attached(file.get_filename(), digest, len(content), content_id, inline, file.get_content_type())


# ------------------------------------------------ the copy, read by exchangelib

def found_files(item):
    for attachment in item.attachments:
        if isinstance(attachment, ItemAttachment):
            inner = attachment.item
            text = inner.text_body or str(inner.body or "")
            yield Attached(inner.subject, words(text), None, None, False, "message/rfc822")
            continue
        content = attachment.content
        assert attachment.size >= len(content), "Exchange counts what it keeps beside, never less"
        content_id = (attachment.content_id or "").strip("<>") if attachment.is_inline else ""
        if content_id.endswith("@sent-items-update"):
            assert f"cid:{content_id}" in item.body
            content_id = OF_ITS_OWN
        yield Attached(attachment.name, hashlib.sha256(content).hexdigest(), len(content), content_id or None,
                       bool(attachment.is_inline), attachment.content_type)


# ------------------------------------------------ held against each other

def words(text):
    return " ".join(text.split())


def lines(text):
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def tree(html):
    """The body of a document, without what is of no meaning: white space between elements, case, order of attributes."""
    document = lxml.html.document_fromstring(html)

    def node(element):
        if not isinstance(element.tag, str):
            return ("comment", words(element.text or ""), words(element.tail or ""))
        return (element.tag, sorted(element.attrib.items()), words(element.text or ""),
                [node(child) for child in element], words(element.tail or ""))
    return node(document.body)


def visible(html):
    document = lxml.html.document_fromstring(html)
    for hidden in document.xpath("//style|//script|//title|//comment()"):
        hidden.drop_tree()
    return words(document.text_content())


def bodies_are_shown(message, item):
    bodies, _ = split(message)
    texts = [text_of(body) for body in bodies]
    kinds = {body.get_content_type() for body in bodies}
    if images_among_text(message):
        assert isinstance(item.body, HTMLBody) and visible(item.body) == words(" ".join(texts))
        return
    if "text/html" not in kinds:
        assert not isinstance(item.body, HTMLBody)
        assert words(item.body or "") == words(" ".join(texts))
        if len(texts) == 1:
            assert lines(item.body or "") == lines(texts[0])
        return
    assert isinstance(item.body, HTMLBody)
    if len(texts) == 1:
        assert tree(item.body) == tree(texts[0])
    seen = visible(item.body)
    for text in texts:
        wanted = visible(text)
        assert wanted in seen
        seen = seen[seen.index(wanted) + len(wanted):]
    assert not seen.strip(), "something stands behind the last part"


KEPT = ("id", "categories", "importance", "sensitivity", "is_read", "is_draft", "is_submitted", "datetime_sent",
        "datetime_received", "datetime_created", "conversation_id", "message_id", "to_recipients", "cc_recipients",
        "bcc_recipients", "author", "sender", "parent_folder_id", "in_reply_to", "references", "reminder_is_set", "item_class")


@pytest.mark.parametrize("number", range(len(ROWS)),
                         ids=[f"{row['message']} / {row['change']}" for row in ROWS])
def test_the_row_is_as_programs_of_others_read_it(anna, updater, number):
    row, processed = ROWS[number], read(number, "processed")
    expected = email.message_from_bytes(processed, policy=email.policy.default)
    message_id = str(expected["Message-ID"])
    store_sent(anna, read(number, "original"), categories=["Kunde", "Rot"], importance="High")
    (before,) = sent_copies(anna, message_id)
    outcome = updater.outcome(updater.submit(processed))
    assert outcome["rule"] == row["rule"], outcome
    (after,) = sent_copies(anna, message_id)
    if row["rule"] != "updated-in-place":
        assert outcome["state"] == "skipped" and outcome["reason"]
        assert (after.id, after.changekey) == (before.id, before.changekey)
        return
    assert (after.subject or "") == str(expected["Subject"] or "")
    bodies_are_shown(expected, after)
    assert sorted(found_files(after), key=repr) == sorted(expected_files(expected), key=repr)
    assert row["shows"] is None or row["shows"] in (after.text_body or str(after.body))
    assert {name: getattr(after, name) for name in KEPT} == {name: getattr(before, name) for name in KEPT}
    assert after.mark and not before.mark
