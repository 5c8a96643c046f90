-- What components could not read: kept for a person, the newest of each account.
CREATE TABLE set_aside (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL, account TEXT NOT NULL,
    vendor_id TEXT, reason TEXT NOT NULL, raw BLOB NOT NULL, at INTEGER NOT NULL
);
CREATE INDEX set_aside_of ON set_aside (channel, account, id);
