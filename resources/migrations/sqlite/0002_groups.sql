-- Messages are claimed in groups of one mailbox: what is due is looked up by mailbox. Which mailboxes have something
-- due, the updater knows by itself.
CREATE INDEX message_of_mailbox ON message (mailbox, due_at, id) WHERE state < 2;
DROP INDEX message_due;
-- Those that wait until it is known who is in scope have the word in the place of their owner.
CREATE INDEX message_waits_for_scope ON message (id) WHERE owner = 'scope';
