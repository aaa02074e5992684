// ews-javascript-api drives the sandbox, and sees what the updater did.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import ews from 'ews-javascript-api';
import { Sandbox, Updater, connect, discover, people, xml } from './lab.mjs';

const {
  BasePropertySet, BodyType, ConflictResolutionMode, DefaultExtendedPropertySet, DeleteMode, EmailMessage,
  EmailMessageSchema, ExtendedPropertyDefinition, Folder, ItemId, ItemSchema, ItemView, LogicalOperator,
  MapiPropertyType, MessageBody, MimeContent, PropertySet, SearchFilter, SortDirection, WellKnownFolderName,
} = ews;

const flags = new ExtendedPropertyDefinition(0x0e07, MapiPropertyType.Integer);
const mark = new ExtendedPropertyDefinition(
  DefaultExtendedPropertySet.PublicStrings, 'SentItemsUpdate', MapiPropertyType.String);
const PDF = Buffer.from('%PDF-1.7 offer').toString('base64');

let sandbox;
let service;
before(async () => {
  sandbox = await Sandbox.start();
  service = connect(sandbox, people.anna);
});
after(() => sandbox?.stop());

function newMessageId() {
  return `<${randomUUID()}@nordwind.example>`;
}

function mime(messageId, { subject = 'Angebot', text = 'Guten Tag', html = '<p>Guten Tag</p>' } = {}) {
  return [
    `From: Anna <${people.anna}>`, 'To: Kim <kim@kunde.example>', `Subject: ${subject}`, `Message-ID: ${messageId}`,
    'Date: Tue, 24 Nov 2026 09:15:00 +0100', 'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=m', '',
    '--m', 'Content-Type: multipart/alternative; boundary=a', '',
    '--a', 'Content-Type: text/plain; charset=utf-8', '', text, '',
    '--a', 'Content-Type: text/html; charset=utf-8', '', `<html><body>${html}</body></html>`, '',
    '--a--', '',
    '--m', 'Content-Type: application/pdf; name=offer.pdf', 'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename=offer.pdf', '', PDF, '--m--', '',
  ].join('\r\n');
}

// As a client stores what it sent: from MIME, read, and no draft.
async function storeSent(messageId, options) {
  const item = new EmailMessage(service);
  item.MimeContent = new MimeContent('UTF-8', Buffer.from(mime(messageId, options)).toString('base64'));
  item.SetExtendedProperty(flags, 1);
  await item.Save(WellKnownFolderName.SentItems);
  return item;
}

async function find(filter, view = new ItemView(50)) {
  return (await service.FindItems(WellKnownFolderName.SentItems, filter, view)).Items;
}

async function read(id, bodyType = BodyType.HTML) {
  const everything = new PropertySet(BasePropertySet.FirstClassProperties, [ItemSchema.MimeContent, mark]);
  everything.RequestedBodyType = bodyType;
  return EmailMessage.Bind(service, new ItemId(id), everything);
}

async function only(messageId) {
  const found = await find(new SearchFilter.IsEqualTo(EmailMessageSchema.InternetMessageId, xml(messageId)));
  assert.equal(found.length, 1);
  return read(found[0].Id.UniqueId);
}

test('autodiscover leads from an address to the server', async () => {
  const discovered = await discover(sandbox, people.anna);
  assert.match(discovered.Url.ToString().toLowerCase(), /^https:.*\/ews\/exchange\.asmx$/);
  const sent = await Folder.Bind(discovered, WellKnownFolderName.SentItems);
  assert.ok(sent.TotalCount >= 0);
});

test('a wrong password is refused', async () => {
  const stranger = connect(sandbox, people.anna, { password: 'wrong' });
  await assert.rejects(Folder.Bind(stranger, WellKnownFolderName.SentItems), /401|Unauthorized/i);
});

test('without the right to impersonate the server says so', async () => {
  await sandbox.impersonation(false);
  try {
    await assert.rejects(Folder.Bind(connect(sandbox, people.anna), WellKnownFolderName.SentItems), (error) =>
      /ErrorImpersonateUserDenied|impersonat/i.test(`${error.ErrorCode ?? ''} ${error.Message ?? error.message}`));
  } finally {
    await sandbox.impersonation(true);
  }
});

test('a message stored from MIME is found by its Message-ID and reads back whole', async () => {
  const messageId = newMessageId();
  await storeSent(messageId, { subject: 'Angebot 47' });
  const item = await only(messageId);
  assert.equal(item.Subject, 'Angebot 47');
  assert.equal(item.IsDraft, false);
  assert.equal(item.IsRead, true);
  assert.equal(item.ToRecipients.Items[0].Address, 'kim@kunde.example');
  assert.match(item.Body.Text, /<p>Guten Tag<\/p>/);
  assert.match(Buffer.from(item.MimeContent.Content, 'base64').toString(), new RegExp(messageId));
  const plain = await read(item.Id.UniqueId, BodyType.Text);
  assert.equal(plain.Body.Text.trim(), 'Guten Tag');
});

test('a draft is created from properties', async () => {
  const draft = new EmailMessage(service);
  draft.Subject = `Entwurf ${randomUUID()}`;
  draft.Body = new MessageBody(BodyType.HTML, xml('<p>Ä &amp; ß</p>'));
  draft.ToRecipients.Add('kim@kunde.example');
  draft.Categories.Add('Rot');
  await draft.Save(WellKnownFolderName.Drafts);
  const item = await read(draft.Id.UniqueId);
  assert.equal(item.IsDraft, true);
  assert.equal(item.Subject, draft.Subject);
  assert.deepEqual(item.Categories.GetEnumerator(), ['Rot']);
  assert.match(item.Body.Text, /Ä &amp; ß/);
});

test('filters, order and pages work together', async () => {
  const word = `Wort${randomUUID()}`;
  for (const number of [1, 2, 3, 4]) await storeSent(newMessageId(), { subject: `${word} ${number}` });
  const all = new SearchFilter.ContainsSubstring(ItemSchema.Subject, word);
  const view = new ItemView(2, 1);
  view.OrderBy.Add(ItemSchema.Subject, SortDirection.Descending);
  assert.deepEqual((await find(all, view)).map((item) => item.Subject), [`${word} 3`, `${word} 2`]);
  const some = new SearchFilter.SearchFilterCollection(LogicalOperator.Or, [
    new SearchFilter.IsEqualTo(ItemSchema.Subject, `${word} 1`),
    new SearchFilter.IsEqualTo(ItemSchema.Subject, `${word} 4`),
  ]);
  assert.deepEqual((await find(some)).map((item) => item.Subject).sort(), [`${word} 1`, `${word} 4`]);
});

test('subject, body and a category of a sent message are changed in place', async () => {
  const messageId = newMessageId();
  await storeSent(messageId);
  const item = await only(messageId);
  item.Subject = 'Neu';
  item.Body = new MessageBody(BodyType.HTML, xml('<p>neu</p>'));
  item.Categories.Add('Blau');
  await item.Update(ConflictResolutionMode.AlwaysOverwrite);
  const changed = await only(messageId);
  assert.equal(changed.Id.UniqueId, item.Id.UniqueId);
  assert.equal(changed.Subject, 'Neu');
  assert.match(changed.Body.Text, /<p>neu<\/p>/);
  assert.deepEqual(changed.Categories.GetEnumerator(), ['Blau']);
  assert.equal(changed.IsDraft, false);
});

test('the second of two writers is told of the first', async () => {
  const messageId = newMessageId();
  await storeSent(messageId);
  const [one, two] = [await only(messageId), await only(messageId)];
  one.Subject = 'eins';
  await one.Update(ConflictResolutionMode.NeverOverwrite);
  two.Subject = 'zwei';
  await assert.rejects(two.Update(ConflictResolutionMode.NeverOverwrite));
  assert.equal((await only(messageId)).Subject, 'eins');
});

test('attachments are read, added and removed', async () => {
  const messageId = newMessageId();
  await storeSent(messageId);
  const item = await only(messageId);
  const [offer] = item.Attachments.Items;
  assert.equal(offer.Name, 'offer.pdf');
  await offer.Load();
  assert.equal(offer.Base64Content, PDF);
  item.Attachments.AddFileAttachment('neu.txt', Buffer.from('neu').toString('base64'));
  await item.Update(ConflictResolutionMode.AlwaysOverwrite);
  const both = await only(messageId);
  assert.deepEqual(both.Attachments.Items.map((attachment) => attachment.Name), ['offer.pdf', 'neu.txt']);
  both.Attachments.Remove(both.Attachments.Items[0]);
  await both.Update(ConflictResolutionMode.AlwaysOverwrite);
  assert.deepEqual((await only(messageId)).Attachments.Items.map((attachment) => attachment.Name), ['neu.txt']);
});

test('a deleted message is gone, or in the wastebasket', async () => {
  const [first, second] = [newMessageId(), newMessageId()];
  await storeSent(first);
  await storeSent(second, { subject: second });
  await (await only(first)).Delete(DeleteMode.HardDelete);
  await (await only(second)).Delete(DeleteMode.MoveToDeletedItems);
  for (const messageId of [first, second]) {
    const filter = new SearchFilter.IsEqualTo(EmailMessageSchema.InternetMessageId, xml(messageId));
    assert.equal((await find(filter)).length, 0);
    const trash = await service.FindItems(WellKnownFolderName.DeletedItems, filter, new ItemView(5));
    assert.equal(trash.Items.length, messageId === second ? 1 : 0);
  }
});

test('the item that the updater updated is the one that the client stored, with the footer (U4)', async () => {
  const updater = await Updater.start(sandbox);
  try {
    const messageId = newMessageId();
    await storeSent(messageId);
    const before = await only(messageId);
    const footer = 'Nordwind GmbH, Hamburg';
    const processed = mime(messageId, {
      subject: '[Nordwind] Angebot', text: `Guten Tag\r\n-- \r\n${footer}`, html: `<p>Guten Tag</p><p>${footer}</p>`,
    });
    const outcome = await updater.outcome(await updater.submit(processed));
    assert.equal(outcome.state, 'updated', outcome.reason);
    const item = await only(messageId);
    assert.equal(item.Id.UniqueId, before.Id.UniqueId);
    assert.equal(item.Subject, '[Nordwind] Angebot');
    assert.match(item.Body.Text, /<p>Nordwind GmbH, Hamburg<\/p>/);
    assert.match((await read(item.Id.UniqueId, BodyType.Text)).Body.Text, /Nordwind GmbH, Hamburg/);
    assert.deepEqual(item.Attachments.Items.map((attachment) => attachment.Name), ['offer.pdf']);
    assert.equal(item.DateTimeSent.ToISOString(), before.DateTimeSent.ToISOString());
    assert.equal(item.IsDraft, false);
    const value = { outValue: null };
    assert.ok(item.TryGetProperty(mark, value) && value.outValue, 'the mark of the updater is missing');
  } finally {
    await updater.stop();
  }
});
