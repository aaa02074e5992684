"""Names, groups, folders, and following what changes."""
import pytest
from exchangelib import Message
from exchangelib.errors import ErrorNameResolutionNoResults
from exchangelib.folders import SentItems

from mailclient import unique


def test_folders_are_found_and_counted(anna):
    assert isinstance(anna.sent, SentItems)
    names = {folder.name for folder in anna.msg_folder_root.walk()}
    assert {anna.inbox.name, anna.sent.name, anna.drafts.name, anna.trash.name} <= names
    anna.drafts.refresh()
    before = anna.drafts.total_count
    Message(account=anna, folder=anna.drafts, subject=unique(), body="x").save()
    anna.drafts.refresh()
    assert anna.drafts.total_count == before + 1


def test_a_name_is_resolved_to_its_address(anna, sandbox):
    (found,) = anna.protocol.resolve_names([sandbox.anna])
    assert found.email_address.lower() == sandbox.anna and found.mailbox_type == "Mailbox"
    (group,) = anna.protocol.resolve_names([sandbox.group])
    assert group.mailbox_type in ("PublicDL", "PrivateDL")


def test_a_name_that_nobody_has_is_not_resolved(anna):
    (answer,) = anna.protocol.resolve_names(["zzzyyyxxx"]) or [None]
    assert answer is None or isinstance(answer, ErrorNameResolutionNoResults)


def test_a_group_is_expanded_one_level_at_a_time(anna, sandbox):
    members = {member.email_address.lower(): member.mailbox_type for member in
               anna.protocol.expand_dl("projekte@nordwind.example")}
    assert members["technik@nordwind.example"] == "PublicDL"
    assert members["pedro.nunez@nordwind.example"] == "Mailbox"
    assert "h.smith@channel-power.example" in members
    assert "jonas.weber@nordwind.example" not in members


def test_time_zones_are_listed(anna):
    assert len(list(anna.protocol.get_timezones())) > 20


def test_what_changes_in_a_folder_is_told_once(anna):
    def changes():
        return [(kind, getattr(item, "subject", None) or getattr(item, "id", item)) for kind, item in
                anna.drafts.sync_items(only_fields=["subject"])]

    changes()
    kept = Message(account=anna, folder=anna.drafts, subject=unique("kept"), body="x").save()
    removed = Message(account=anna, folder=anna.drafts, subject=unique("removed"), body="x").save()
    assert sorted(changes()) == sorted([("create", kept.subject), ("create", removed.subject)])
    kept.subject = unique("renamed")
    kept.save(update_fields=["subject"])
    identifier = removed.id
    removed.delete()
    assert sorted(kind for kind, _ in changes()) == ["delete", "update"]
    kept.is_read = not kept.is_read
    kept.save(update_fields=["is_read"])
    assert [kind for kind, _ in changes()] in (["read_flag_change"], ["update"])
    assert changes() == []
    assert identifier
