-- The queue: one row a processed message, from acceptance to the end of its retention.
--
-- state   0 waiting, 1 leased by an updater, 2 finished
-- due_at  waiting: not to be looked at before; leased: when the lease ends. One column, one index: a lease
--         that ran out is simply due again.
-- Times are milliseconds since 1970-01-01T00:00:00Z.
CREATE TABLE message (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    digest          BLOB    NOT NULL UNIQUE,
    message_id      TEXT    NOT NULL,
    mailbox         TEXT    NOT NULL,
    sender          TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    size            INTEGER NOT NULL,
    source          TEXT    NOT NULL,
    accepted_at     INTEGER NOT NULL,
    waits_since     INTEGER NOT NULL,
    state           INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    owner           TEXT,
    not_found_tries INTEGER NOT NULL DEFAULT 0,
    error_tries     INTEGER NOT NULL DEFAULT 0,
    outcome         TEXT,
    rule            TEXT,
    reason          TEXT    NOT NULL DEFAULT '',
    finished_at     INTEGER
);

-- What is due, in order; finished rows, nearly all of them, are not in it.
CREATE INDEX message_due ON message (due_at, id) WHERE state < 2;
-- Two copies of one split message are never worked on at once.
CREATE INDEX message_open_id ON message (message_id) WHERE state < 2;
-- Retry of all that failed, and the end of retention.
CREATE INDEX message_finished ON message (outcome, finished_at) WHERE state = 2;
CREATE INDEX message_aged ON message (finished_at) WHERE state = 2;

-- The bytes: here when small, else in a file of the spool folder.
CREATE TABLE content (
    message INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    raw     BLOB,
    file    TEXT,
    CHECK ((raw IS NULL) <> (file IS NULL))
);
