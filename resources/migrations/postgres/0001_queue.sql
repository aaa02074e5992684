-- The shared queue: as the embedded one, with what it takes that several updaters work on it.
--
-- state    0 waiting, 1 leased by an updater, 2 finished
-- due_at   waiting: not to be looked at before; leased: when the lease ends
-- owner    leased: the updater, as folder/process; waiting: 'scope' while it is not known who is in scope
-- claim    leased: number of the group that it was claimed with, counted by the owner
-- copies   from the Message-ID: split copies of one message have the same number
-- Times are milliseconds since 1970-01-01T00:00:00Z by the database's clock.
CREATE TABLE message (
    id              bigint  PRIMARY KEY,
    digest          bytea   NOT NULL UNIQUE,
    message_id      text    NOT NULL,
    copies          bigint  NOT NULL,
    mailbox         text    NOT NULL,
    sender          text    NOT NULL,
    subject         text    NOT NULL,
    size            bigint  NOT NULL,
    source          text    NOT NULL,
    accepted_at     bigint  NOT NULL,
    waits_since     bigint  NOT NULL,
    state           smallint NOT NULL,
    due_at          bigint  NOT NULL,
    owner           text,
    claim           bigint,
    not_found_tries integer NOT NULL DEFAULT 0,
    error_tries     integer NOT NULL DEFAULT 0,
    outcome         text,
    rule            text,
    reason          text    NOT NULL DEFAULT '',
    finished_at     bigint
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Numbers are given in the order of acceptance, whichever updater accepts: they order split copies.
CREATE SEQUENCE message_number;

CREATE INDEX message_of_mailbox ON message (mailbox, due_at, id) WHERE state < 2;
CREATE INDEX message_copies ON message (copies) WHERE state < 2;
-- Two copies of one split message are never worked on at once, by nobody.
CREATE UNIQUE INDEX message_one_copy_at_work ON message (copies) WHERE state = 1;
CREATE INDEX message_leased ON message (mailbox) WHERE state = 1;
CREATE INDEX message_lease_end ON message (due_at) WHERE state = 1;
CREATE INDEX message_waits_for_scope ON message (id) WHERE owner = 'scope';
CREATE INDEX message_finished ON message (outcome, finished_at) WHERE state = 2;
CREATE INDEX message_aged ON message (finished_at) WHERE state = 2;

-- Who has something to be done, and when the first of it is due (the end of a lease included; none: the largest number).
-- Whoever claims from a mailbox holds its row; whoever changes what waits in one holds it until that is committed.
CREATE TABLE mailbox (
    name      text   PRIMARY KEY,
    first_due bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX mailbox_first_due ON mailbox (first_due, name);

-- The bytes, in pieces: every updater must get at them, and none must hold a large one in memory.
CREATE TABLE content (
    message bigint  NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    piece   integer NOT NULL,
    raw     bytea   NOT NULL,
    PRIMARY KEY (message, piece)
);
-- Compressing it would cost more time than it saves room.
ALTER TABLE content ALTER COLUMN raw SET STORAGE EXTERNAL;
