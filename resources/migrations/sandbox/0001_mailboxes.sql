-- Mailboxes of the sandbox organisation. The store keeps what describes an item in memory and looks here for it
-- only when it opens; bodies, headers and attachments are read from here each time.
-- `data` is JSON; the columns beside it repeat parts of it for whoever looks in with the sqlite3 program.
CREATE TABLE mailbox (
    number INTEGER PRIMARY KEY,
    owner  TEXT NOT NULL UNIQUE,
    guid   TEXT NOT NULL UNIQUE
);

CREATE TABLE folder (
    number  INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    name    TEXT    NOT NULL,
    data    TEXT    NOT NULL
);

CREATE TABLE item (
    number     INTEGER PRIMARY KEY,
    mailbox    INTEGER NOT NULL,
    folder     INTEGER,
    message_id TEXT,
    subject    TEXT    NOT NULL,
    data       TEXT    NOT NULL
);
CREATE INDEX item_place ON item (mailbox, folder, message_id);

-- What is too large to keep in memory: body, Internet headers, and the calendar part of a meeting message.
CREATE TABLE content (
    item     INTEGER PRIMARY KEY,
    body     TEXT NOT NULL,
    headers  TEXT NOT NULL,
    calendar TEXT
);

-- Content of attachments in pieces: number = attachment * 1048576 + position of the piece.
CREATE TABLE piece (
    number  INTEGER PRIMARY KEY,
    content BLOB NOT NULL
);

-- What went away, for those who synchronise: an item out of a folder, or (item null) a folder out of a mailbox.
CREATE TABLE tombstone (
    change  INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    folder  INTEGER NOT NULL,
    item    INTEGER,
    born    INTEGER NOT NULL
);

-- The last numbers given away. They are never given again, also not after what carried them is gone.
CREATE TABLE counter (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    number  INTEGER NOT NULL,
    change  INTEGER NOT NULL
);
INSERT INTO counter VALUES (1, 0, 0);
