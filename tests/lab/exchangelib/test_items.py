"""Messages as a mail client creates, finds, reads, changes and removes them."""
import datetime

import pytest
from exchangelib import EWSDateTime, EWSTimeZone, HTMLBody, Mailbox, Message, Q
from exchangelib.errors import ErrorInvalidPropertyUpdateSentMessage, ErrorIrresolvableConflict, ErrorItemNotFound
from exchangelib.fields import FieldPath
from exchangelib.items import ALWAYS_OVERWRITE, NEVER_OVERWRITE
from exchangelib.services import UpdateItem

import mailclient
from mailclient import compose, new_message_id, sent_copies, store_sent, unique

UTC = EWSTimeZone("UTC")


def draft(account, **properties):
    properties = {"subject": unique(), "body": "Text", "to_recipients": ["kim@kunde.example"]} | properties
    return Message(account=account, folder=account.drafts, **properties).save()


# ------------------------------------------------------------------------------------------------ create


def test_what_is_only_saved_is_a_draft(anna):
    item = draft(anna)
    item.refresh()
    assert item.is_draft and item.id and item.changekey


def test_a_message_stored_from_its_mime_is_no_draft_and_has_what_the_mime_says(anna, sandbox):
    message_id = new_message_id()
    store_sent(anna, compose(f"Anna Bergström <{sandbox.anna}>", "Kim <kim@kunde.example>", "Grüße aus Hamburg", "Moin",
                             "<p>Moin</p>", message_id))
    (item,) = sent_copies(anna, message_id)
    assert not item.is_draft and item.is_read
    assert item.subject == "Grüße aus Hamburg"
    assert item.message_id == message_id
    assert item.to_recipients[0].email_address == "kim@kunde.example" and item.to_recipients[0].name == "Kim"
    assert item.author.email_address.lower() == sandbox.anna
    assert isinstance(item.body, HTMLBody) and "<p>Moin</p>" in item.body
    assert item.text_body.strip() == "Moin"


def test_properties_given_at_creation_come_back(anna):
    item = draft(anna, subject="Angebot 47/11", body=HTMLBody("<p>Ä &amp; ß</p>"), categories=["Rot", "Kunde"],
                 importance="High", sensitivity="Private", cc_recipients=[Mailbox(email_address="c@kunde.example")],
                 is_read=True, mark="m")
    found = anna.drafts.get(id=item.id, changekey=item.changekey)
    assert (found.subject, found.importance, found.sensitivity) == ("Angebot 47/11", "High", "Private")
    assert sorted(found.categories) == ["Kunde", "Rot"]
    assert "Ä &amp; ß" in found.body
    assert found.cc_recipients[0].email_address == "c@kunde.example"
    assert found.mark == "m"


# ------------------------------------------------------------------------------------------------ find


@pytest.fixture
def found_by(anna, sandbox):
    """Five messages in Sent Items with a common word, and a query for them."""
    word = unique("Muster").replace("-", "")
    for number in range(5):
        message = compose(sandbox.anna, f"r{number}@kunde.example", f"{word} {number}", f"Text {number}",
                          attachments=[("a.txt", "text", "plain", b"x")] if number == 4 else [])
        del message["Date"]
        message["Date"] = f"Tue, {10 + number} Nov 2026 10:00:00 +0000"
        store_sent(anna, message, categories=["Grün"] if number in (1, 2) else None,
                   importance="High" if number == 3 else "Normal")
    everything = anna.sent.filter(subject__startswith=word)
    assert everything.count() == 5

    def numbers(*query, **restrictions):
        found = anna.sent.filter(Q(subject__startswith=word), *query, **restrictions).order_by("subject")
        return [int(item.subject[-1]) for item in found]

    numbers.word, numbers.everything = word, everything
    return numbers


def test_each_kind_of_filter_finds_what_it_describes(found_by):
    word = found_by.word
    assert found_by(subject=f"{word} 2") == [2]
    assert found_by(~Q(subject=f"{word} 2")) == [0, 1, 3, 4]
    assert found_by(Q(subject=f"{word} 0") | Q(subject=f"{word} 4")) == [0, 4]
    assert found_by(subject__icontains=word.upper()) == [0, 1, 2, 3, 4]
    assert found_by(subject__contains=word.upper()) == []
    assert found_by(subject__gt=f"{word} 2") == [3, 4]
    assert found_by(subject__range=(f"{word} 1", f"{word} 3")) == [1, 2, 3]
    assert found_by(subject__in=[f"{word} 1", f"{word} 3"]) == [1, 3]
    assert found_by(importance="High") == [3]
    assert found_by(has_attachments=True) == [4]
    assert found_by(categories__contains=["Grün"]) == [1, 2]
    assert found_by(mark__exists=True) == []
    assert found_by(mark__exists=False) == [0, 1, 2, 3, 4]


def test_times_are_compared_as_times(found_by):
    third = EWSDateTime(2026, 11, 12, 10, 0, tzinfo=UTC)
    assert found_by(datetime_sent__gte=third) == [2, 3, 4]
    assert found_by(datetime_sent__lt=third) == [0, 1]
    assert found_by(datetime_sent=third) == [2]


def test_the_message_id_finds_exactly_one(anna, found_by):
    one = found_by.everything.order_by("subject")[2]
    assert [item.id for item in anna.sent.filter(message_id=one.message_id)] == [one.id]
    assert list(anna.sent.filter(message_id="<nowhere@nordwind.example>")) == []


def test_a_named_property_finds_the_item_that_carries_it(anna, found_by):
    item = found_by.everything.order_by("subject")[1]
    item.mark = unique("mark")
    item.save(update_fields=["mark"])
    assert found_by(mark=item.mark) == [1]
    assert found_by(mark__exists=True) == [1]


def test_results_come_in_the_order_asked_for_and_in_pages(found_by):
    last = [item.subject[-1] for item in found_by.everything.order_by("-subject")]
    assert last == ["4", "3", "2", "1", "0"]
    by_time = found_by.everything.order_by("-datetime_sent")
    assert [item.subject[-1] for item in by_time[:2]] == ["4", "3"]
    assert [item.subject[-1] for item in by_time[1:3]] == ["3", "2"]
    paged = found_by.everything.order_by("subject")
    paged.page_size = 2
    assert [item.subject[-1] for item in paged] == ["0", "1", "2", "3", "4"]


def test_only_the_properties_asked_for_come_back(found_by):
    item = found_by.everything.only("subject").order_by("subject")[0]
    assert item.subject.endswith("0") and item.body is None and item.message_id is None


# ------------------------------------------------------------------------------------------------ read


def test_the_mime_read_back_has_the_headers_and_the_text(anna, sandbox):
    message_id = new_message_id()
    store_sent(anna, compose(sandbox.anna, "kim@kunde.example", "MIME", "Zeile 1\nZeile 2", message_id=message_id))
    (item,) = sent_copies(anna, message_id)
    assert message_id.encode() in item.mime_content
    assert b"Zeile 2" in item.mime_content


def test_a_plain_message_is_shown_as_html_and_as_text(anna, sandbox):
    message_id = new_message_id()
    store_sent(anna, compose(sandbox.anna, "kim@kunde.example", "Plain", "1 < 2 & 3", message_id=message_id))
    (item,) = sent_copies(anna, message_id)
    assert item.text_body.strip() == "1 < 2 & 3"


def test_times_come_from_the_message(anna, sandbox):
    message_id = new_message_id()
    store_sent(anna, compose(sandbox.anna, "kim@kunde.example", "Time", "x", message_id=message_id))
    (item,) = sent_copies(anna, message_id)
    assert item.datetime_sent == datetime.datetime(2026, 11, 24, 8, 15, tzinfo=datetime.timezone.utc)


# ------------------------------------------------------------------------------------------------ update


def test_a_sent_message_takes_a_new_subject_and_body_and_keeps_the_rest(anna, sandbox):
    message_id = new_message_id()
    store_sent(anna, compose(sandbox.anna, "kim@kunde.example", "Before", "old", "<p>old</p>", message_id),
               categories=["Blau"], importance="High")
    (item,) = sent_copies(anna, message_id)
    key, created = item.changekey, item.datetime_created
    item.subject, item.body = "After", HTMLBody("<p>new</p>")
    item.save(update_fields=["subject", "body"])
    assert item.changekey != key
    (after,) = sent_copies(anna, message_id)
    assert after.id == item.id
    assert after.subject == "After" and "<p>new</p>" in after.body and after.text_body.strip() == "new"
    assert after.categories == ["Blau"] and after.importance == "High" and after.is_read and not after.is_draft
    assert after.datetime_created == created
    assert after.message_id == message_id


def test_a_property_is_removed(anna):
    item = draft(anna, categories=["Rot"], mark="x")
    item.categories, item.mark = None, None
    item.save(update_fields=["categories", "mark"])
    item.refresh()
    assert not item.categories and item.mark is None


def test_the_second_of_two_writers_is_told_when_it_asks_for_that(anna):
    first = draft(anna)
    second = anna.drafts.get(id=first.id, changekey=first.changekey)
    first.subject = "first"
    first.save(update_fields=["subject"])
    second.subject = "second"
    with pytest.raises(ErrorIrresolvableConflict):
        second.save(update_fields=["subject"], conflict_resolution=NEVER_OVERWRITE)
    second.save(update_fields=["subject"], conflict_resolution=ALWAYS_OVERWRITE)
    first.refresh()
    assert first.subject == "second"


@pytest.mark.parametrize("field", ["to_recipients", "message_id", "mime_content"])
def test_what_can_not_be_changed_once_sent_is_refused(anna, sandbox, field):
    message_id = new_message_id()
    store_sent(anna, compose(sandbox.anna, "kim@kunde.example", "Sent", "x", message_id=message_id))
    (item,) = sent_copies(anna, message_id)
    value = {"to_recipients": [Mailbox(email_address="other@kunde.example")], "message_id": "<new@nordwind.example>",
             "mime_content": item.mime_content}[field]
    setattr(item, field, value)
    with pytest.raises(ErrorInvalidPropertyUpdateSentMessage):
        update_unasked(anna, item, field)
    (after,) = sent_copies(anna, message_id)
    assert after.to_recipients[0].email_address == "kim@kunde.example"


def update_unasked(account, item, field):
    """Sends an update that exchangelib keeps its users from asking for."""
    class Update(UpdateItem):
        def _update_elems(self, target, fieldnames):
            changed = target.get_field_by_fieldname(fieldnames[0])
            yield self._set_field_elem(target.__class__, FieldPath(field=changed), getattr(target, fieldnames[0]))

    list(Update(account=account).call(
        items=[(item, [field])], conflict_resolution=ALWAYS_OVERWRITE, message_disposition="SaveOnly",
        send_meeting_invitations_or_cancellations="SendToNone", suppress_read_receipts=True))


# ------------------------------------------------------------------------------------------------ move, copy, delete


def test_a_copy_is_a_second_item_and_a_moved_one_is_gone_from_its_place(anna):
    item = draft(anna)
    item.copy(to_folder=anna.inbox)
    assert anna.inbox.filter(subject=item.subject).count() == 1
    assert anna.drafts.filter(subject=item.subject).count() == 1
    item.move(to_folder=anna.sent)
    assert anna.drafts.filter(subject=item.subject).count() == 0
    assert anna.sent.filter(subject=item.subject).count() == 1


def test_each_way_to_delete_leads_where_it_should(anna):
    trashed, recoverable, gone = draft(anna), draft(anna), draft(anna)
    trashed.move_to_trash()
    recoverable.soft_delete()
    gone.delete()
    for item in (trashed, recoverable, gone):
        assert anna.drafts.filter(subject=item.subject).count() == 0
    assert anna.trash.filter(subject=trashed.subject).count() == 1
    assert anna.trash.filter(subject=recoverable.subject).count() == 0
    assert anna.recoverable_items_deletions.filter(subject=recoverable.subject).count() == 1
    assert anna.recoverable_items_deletions.filter(subject=gone.subject).count() == 0


def test_an_item_that_is_gone_is_not_found(anna):
    item = draft(anna)
    before = Message(account=anna, folder=anna.drafts, id=item.id, changekey=item.changekey)
    item.delete()
    with pytest.raises(ErrorItemNotFound):
        before.refresh()


def test_one_item_that_is_gone_does_not_spoil_the_others_of_a_batch(anna):
    items = [draft(anna) for _ in range(3)]
    ids = [(item.id, item.changekey) for item in items]
    items[1].delete()
    answers = list(anna.fetch(ids=ids))
    assert [type(answer).__name__ for answer in answers] == ["Message", "ErrorItemNotFound", "Message"]


def test_many_items_are_created_and_removed_at_once(anna):
    word = unique("batch")
    items = [Message(subject=f"{word} {number}", body="x") for number in range(25)]
    ids = anna.bulk_create(folder=anna.drafts, items=items)
    assert anna.drafts.filter(subject__startswith=word).count() == 25
    assert all(done is True for done in anna.bulk_delete(ids))
    assert anna.drafts.filter(subject__startswith=word).count() == 0
