"""What the updater did, as a mail client sees it."""
import email
import email.policy

import pytest
from exchangelib import HTMLBody, ItemAttachment

import mailclient
import processes
from mailclient import compose, new_message_id, sent_copies, store_sent

FOOTER = "Nordwind GmbH, Hamburg"
PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002"
                      "000001e221bc330000000049454e44ae426082")


def processed(message, subject=None, html=None, image=False, attach=None):
    """What a signature program makes of a message: footers in both bodies, perhaps a logo, a subject, a file."""
    twin = email.message_from_bytes(message.as_bytes(), policy=email.policy.SMTP)
    if subject:
        del twin["Subject"]
        twin["Subject"] = subject
    plain = twin.get_body(("plain",))
    plain.set_content(plain.get_content().rstrip() + f"\n-- \n{FOOTER}\n")
    rich = twin.get_body(("html",))
    if rich is not None:
        logo = '<img src="cid:logo@nordwind">' if image else ""
        rich.set_content(rich.get_content().replace("</body>", f"<p>{FOOTER}</p>{logo}</body>"), subtype="html")
        if image:
            rich.add_related(PIXEL, "image", "png", cid="<logo@nordwind>", filename="logo.png", disposition="inline")
    if attach:
        name, content = attach
        twin.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    # As relays leave it.
    trace = b"Received: from gateway (gateway [127.0.0.1]) by mail; Tue, 24 Nov 2026 08:15:02 +0000\r\n"
    return trace + twin.as_bytes()


@pytest.fixture
def original(anna, sandbox):
    message_id = new_message_id()
    message = compose(f"Anna Bergström <{sandbox.anna}>", "Kim <kim@kunde.example>", "Angebot für März", "Guten Tag",
                      "<html><body><p>Guten Tag</p></body></html>", message_id,
                      [("Angebot.pdf", "application", "pdf", b"%PDF-1.7 offer")])
    return message


def only(anna, message_id):
    (item,) = sent_copies(anna, message_id)
    return item


def test_the_copy_shows_what_the_recipients_got_and_keeps_what_is_the_senders(anna, original, updater):
    """U4"""
    message_id = original["Message-ID"]
    store_sent(anna, original, categories=["Kunde", "Rot"], importance="High")
    before = only(anna, message_id)
    number = updater.submit(processed(original, subject="[Nordwind] Angebot für März"))
    outcome = updater.outcome(number)
    assert (outcome["state"], outcome["rule"]) == ("updated", "updated-in-place"), outcome
    after = only(anna, message_id)
    assert after.subject == "[Nordwind] Angebot für März"
    assert isinstance(after.body, HTMLBody) and f"<p>{FOOTER}</p>" in after.body and "Guten Tag" in after.body
    assert FOOTER in after.text_body
    assert [(a.name, a.content) for a in after.attachments] == [("Angebot.pdf", b"%PDF-1.7 offer")]
    assert after.mark, "the mark of the updater is missing"
    kept = ("id", "categories", "importance", "is_read", "is_draft", "datetime_sent", "datetime_received",
            "conversation_id", "message_id", "to_recipients", "sensitivity", "parent_folder_id")
    assert {name: getattr(after, name) for name in kept} == {name: getattr(before, name) for name in kept}


def test_an_unread_copy_with_a_flag_stays_so(anna, original, updater):
    """U4"""
    message_id = original["Message-ID"]
    item = store_sent(anna, original)
    item.is_read = False
    item.save(update_fields=["is_read"])
    updater.outcome(updater.submit(processed(original)))
    assert only(anna, message_id).is_read is False


def test_a_logo_that_the_signature_brings_is_inline_in_the_copy(anna, original, updater):
    """U4"""
    store_sent(anna, original)
    updater.outcome(updater.submit(processed(original, image=True)))
    after = only(anna, original["Message-ID"])
    attached = {attachment.name: attachment for attachment in after.attachments}
    assert set(attached) == {"Angebot.pdf", "logo.png"}
    assert attached["logo.png"].is_inline and attached["logo.png"].content == PIXEL
    assert attached["logo.png"].content_id.strip("<>") == "logo@nordwind" and "cid:logo@nordwind" in after.body


def test_a_file_that_the_gateway_added_is_attached_and_one_it_took_away_is_gone(anna, original, updater):
    """U4"""
    store_sent(anna, original)
    twin = email.message_from_bytes(processed(original, attach=("Konditionen.pdf", b"%PDF terms")),
                                    policy=email.policy.SMTP)
    twin.set_payload([part for part in twin.get_payload() if part.get_filename() != "Angebot.pdf"])
    updater.outcome(updater.submit(twin.as_bytes()))
    after = only(anna, original["Message-ID"])
    assert [(a.name, a.content) for a in after.attachments] == [("Konditionen.pdf", b"%PDF terms")]


def test_a_plain_message_gets_its_footer_as_plain_text(anna, sandbox, updater):
    """U4"""
    message_id = new_message_id()
    message = compose(sandbox.anna, "kim@kunde.example", "Kurz", "Ja, passt.\nGruß, Anna", message_id=message_id)
    store_sent(anna, message)
    updater.outcome(updater.submit(processed(message)))
    after = only(anna, message_id)
    assert after.text_body.splitlines()[:2] == ["Ja, passt.", "Gruß, Anna"]
    assert FOOTER in after.text_body


def test_an_attached_message_stays_as_it_is(anna, sandbox, original, updater):
    """U4"""
    original.add_attachment(compose("x@kunde.example", sandbox.anna, "Anfrage", "Was kostet das?"))
    store_sent(anna, original)
    updater.outcome(updater.submit(processed(original)))
    after = only(anna, original["Message-ID"])
    assert FOOTER in after.text_body
    (inner,) = [attachment for attachment in after.attachments if isinstance(attachment, ItemAttachment)]
    assert inner.item.subject == "Anfrage" and "Was kostet das?" in inner.item.body


def test_a_copy_stored_after_the_processed_message_came_is_updated_later(anna, original, updater):
    """U3"""
    number = updater.submit(processed(original))
    processes.until(lambda: updater.message(number)["tries"] >= 1, 20, "a first look in vain")
    assert updater.message(number)["state"] == "waiting"
    store_sent(anna, original)
    assert updater.outcome(number)["state"] == "updated"
    assert FOOTER in only(anna, original["Message-ID"]).text_body


def test_the_same_processed_message_twice_is_one_and_changes_nothing_more(anna, original, updater):
    """U8"""
    store_sent(anna, original)
    number = updater.submit(processed(original))
    updater.outcome(number)
    before = only(anna, original["Message-ID"])
    assert updater.submit(processed(original)) == number
    again = b"Received: from elsewhere by mail; Tue, 24 Nov 2026 08:16:00 +0000\r\n" + processed(original)
    assert updater.submit(again) == number
    after = only(anna, original["Message-ID"])
    assert (after.id, after.changekey) == (before.id, before.changekey)


def test_copy_mode_leaves_the_original_and_adds_the_processed_message(anna, original, updater):
    """U5, T6"""
    updater.configure(options={"create_copy": True})
    try:
        item = store_sent(anna, original)
        number = updater.submit(processed(original, subject="Mit Fußzeile"))
        outcome = updater.outcome(number)
        assert (outcome["state"], outcome["rule"]) == ("updated", "copy-added"), outcome
    finally:
        updater.configure()
    copies = {copy.subject: copy for copy in sent_copies(anna, original["Message-ID"])}
    assert set(copies) == {"Angebot für März", "Mit Fußzeile"}
    assert copies["Angebot für März"].id == item.id and FOOTER not in copies["Angebot für März"].text_body
    added = copies["Mit Fußzeile"]
    assert FOOTER in added.text_body and added.is_read and not added.is_draft and added.mark
    assert added.datetime_sent == copies["Angebot für März"].datetime_sent


def test_a_message_sent_on_behalf_is_updated_in_the_mailbox_of_who_sent_it(sandbox, updater):
    """U3: From is the shared mailbox and has no copy; Sender has it."""
    jonas = mailclient.mailbox_of(sandbox, sandbox.jonas)
    message_id = new_message_id()
    message = compose(sandbox.shared, "kim@kunde.example", "Im Auftrag", "Hallo", message_id=message_id)
    message["Sender"] = sandbox.jonas
    store_sent(jonas, message)
    assert updater.outcome(updater.submit(processed(message)))["state"] == "updated"
    assert FOOTER in only(jonas, message_id).text_body


def test_a_sender_without_a_mailbox_is_reported_once(sandbox, updater):
    """U6"""
    message = compose(sandbox.without_mailbox, "kim@kunde.example", "Kein Postfach", "x")
    outcome = updater.outcome(updater.submit(processed(message)))
    assert (outcome["state"], outcome["rule"]) == ("skipped", "no-mailbox") and "no mailbox" in outcome["reason"]


def test_a_client_that_works_on_the_same_item_at_the_same_time_keeps_its_change(anna, original, updater):
    """U4: a category set between find and update survives, because only what differs is written."""
    item = store_sent(anna, original)
    number = updater.submit(processed(original))
    item.categories = ["gleichzeitig"]
    item.save(update_fields=["categories"])
    updater.outcome(number)
    after = only(anna, original["Message-ID"])
    assert after.categories == ["gleichzeitig"] and FOOTER in after.text_body
