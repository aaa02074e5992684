"""Attachments as a mail client handles them."""
import io

from exchangelib import FileAttachment, HTMLBody, ItemAttachment, Message

from mailclient import compose, new_message_id, sent_copies, store_sent, unique

PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002"
                      "000001e221bc330000000049454e44ae426082")


def test_files_inline_images_and_messages_of_the_mime_are_attachments(anna, sandbox):
    message_id = new_message_id()
    message = compose(sandbox.anna, "kim@kunde.example", "Attached", "see", '<p>see <img src="cid:logo@n"></p>', message_id)
    message.get_payload()[1].add_related(PIXEL, "image", "png", cid="<logo@n>", filename="logo.png")
    message.add_attachment("Größe".encode("utf-16"), maintype="application", subtype="octet-stream",
                           filename="Übersicht 2026.bin")
    message.add_attachment(compose("x@kunde.example", sandbox.anna, "Inner", "inside"))
    store_sent(anna, message)
    (item,) = sent_copies(anna, message_id)
    attached = {attachment.name: attachment for attachment in item.attachments}
    assert len(attached) == 3
    assert attached["Übersicht 2026.bin"].content == "Größe".encode("utf-16")
    assert not attached["Übersicht 2026.bin"].is_inline
    assert attached["logo.png"].is_inline and attached["logo.png"].content_id.strip("<>") == "logo@n"
    assert attached["logo.png"].content == PIXEL
    (inner,) = [attachment for attachment in item.attachments if isinstance(attachment, ItemAttachment)]
    assert inner.item.subject == "Inner" and inner.item.body.strip() == "inside"
    assert item.has_attachments


def test_an_attachment_added_to_a_sent_message_stays_and_changes_its_key(anna, sandbox):
    message_id = new_message_id()
    store_sent(anna, compose(sandbox.anna, "kim@kunde.example", "Sent", "x", message_id=message_id))
    (item,) = sent_copies(anna, message_id)
    key = item.changekey
    assert not item.has_attachments
    item.attach(FileAttachment(name="Bericht.pdf", content=b"%PDF-1.7", content_type="application/pdf"))
    assert item.changekey != key
    (after,) = sent_copies(anna, message_id)
    assert after.id == item.id and after.changekey == item.changekey
    assert after.has_attachments and not after.is_draft
    assert [(a.name, a.content_type, a.content) for a in after.attachments] == [
        ("Bericht.pdf", "application/pdf", b"%PDF-1.7")]


def test_an_inline_image_alone_is_not_shown_as_an_attachment(anna):
    item = Message(account=anna, folder=anna.drafts, subject=unique(), body=HTMLBody('<img src="cid:p1">')).save()
    item.attach(FileAttachment(name="p.png", content=PIXEL, is_inline=True, content_id="p1"))
    item.refresh()
    assert item.attachments[0].is_inline and item.attachments[0].content_id == "p1"
    assert not item.has_attachments


def test_a_message_is_attached_to_a_message(anna):
    inner = Message(subject="Inner", body="inside", to_recipients=["kim@kunde.example"])
    item = Message(account=anna, folder=anna.drafts, subject=unique(), body="x")
    item.attach(ItemAttachment(name="Inner", item=inner))
    item.save()
    item.refresh()
    assert isinstance(item.attachments[0], ItemAttachment)
    assert item.attachments[0].item.subject == "Inner"


def test_an_attachment_is_removed_and_the_others_stay(anna):
    item = Message(account=anna, folder=anna.drafts, subject=unique(), body="x")
    item.attach([FileAttachment(name=f"{number}.bin", content=bytes([number])) for number in range(3)])
    item.save()
    item.refresh()
    key = item.changekey
    item.detach([attachment for attachment in item.attachments if attachment.name == "1.bin"])
    item.refresh()
    assert item.changekey != key
    assert [(a.name, a.content) for a in item.attachments] == [("0.bin", b"\x00"), ("2.bin", b"\x02")]


def test_a_large_attachment_comes_back_as_it_was(anna):
    content = bytes(range(256)) * 4 * 1024 * 12  # 12 MiB
    item = Message(account=anna, folder=anna.drafts, subject=unique(), body="x")
    item.attach(FileAttachment(name="large.bin", content=content))
    item.save()
    item.refresh()
    received = io.BytesIO()
    with item.attachments[0].fp as file:
        while piece := file.read(65536):
            received.write(piece)
    assert received.getvalue() == content
    item.delete()
