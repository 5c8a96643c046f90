-- Files of accounts: what is known of them, and what carries them. Their bytes lie in `media/` beside the database, in the
-- file that `file` names.
CREATE TABLE media (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL, account TEXT NOT NULL,
    file TEXT NOT NULL UNIQUE, mime TEXT NOT NULL, name TEXT, size INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    inbound INTEGER, batch TEXT
);
CREATE INDEX media_of ON media (channel, account, id);
ALTER TABLE outbox ADD COLUMN media TEXT NOT NULL DEFAULT '[]';
