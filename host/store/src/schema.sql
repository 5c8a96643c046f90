CREATE TABLE cursors (
    channel TEXT NOT NULL, account TEXT NOT NULL, cursor BLOB NOT NULL,
    PRIMARY KEY (channel, account)
) WITHOUT ROWID;

-- state: new (no decision) | queued (a turn is owed) | done | dropped
CREATE TABLE inbound (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL, account TEXT NOT NULL, vendor_id TEXT NOT NULL,
    body TEXT NOT NULL, reply_context BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'new',
    reason TEXT, agent TEXT, session_key TEXT,
    closed_at INTEGER,
    UNIQUE (channel, account, vendor_id)
);
CREATE INDEX inbound_open ON inbound (id) WHERE state IN ('new', 'queued');
CREATE INDEX inbound_owed ON inbound (session_key, id) WHERE state = 'queued';
CREATE INDEX inbound_latest ON inbound (channel, account, received_at);

CREATE TABLE pairing_requests (
    channel TEXT NOT NULL, account TEXT NOT NULL, sender TEXT NOT NULL,
    room TEXT NOT NULL, code TEXT NOT NULL, meta TEXT NOT NULL,
    created_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (channel, account, sender)
) WITHOUT ROWID;

CREATE TABLE approved_senders (
    channel TEXT NOT NULL, account TEXT NOT NULL, sender TEXT NOT NULL, approved_at INTEGER NOT NULL,
    PRIMARY KEY (channel, account, sender)
) WITHOUT ROWID;

-- At most one row: who approved senders are answerable to.
CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), entry TEXT NOT NULL, since INTEGER NOT NULL);

CREATE TABLE sessions (
    key TEXT PRIMARY KEY, session_id TEXT NOT NULL, agent TEXT NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    model TEXT, usage TEXT
) WITHOUT ROWID;
CREATE INDEX sessions_latest ON sessions (updated_at);

CREATE TABLE entries (
    id INTEGER PRIMARY KEY, session_id TEXT NOT NULL,
    role TEXT NOT NULL, content TEXT NOT NULL, model TEXT, usage TEXT, at INTEGER NOT NULL
);
CREATE INDEX entries_session ON entries (session_id, id);

-- state: pending | sending | sent | ambiguous | failed
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    batch TEXT NOT NULL, part INTEGER NOT NULL, request_key TEXT,
    channel TEXT NOT NULL, account TEXT NOT NULL, room TEXT NOT NULL, thread TEXT,
    body TEXT NOT NULL, reply_to TEXT, reply_context BLOB NOT NULL, silent INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0, next_attempt_at INTEGER NOT NULL,
    receipt TEXT, error TEXT,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    UNIQUE (batch, part)
);
CREATE UNIQUE INDEX outbox_request ON outbox (request_key) WHERE request_key IS NOT NULL;
CREATE INDEX outbox_pending ON outbox (channel, account, room, id) WHERE state = 'pending';
CREATE INDEX outbox_flagged ON outbox (state, id) WHERE state IN ('sending', 'ambiguous', 'failed');
CREATE INDEX outbox_latest ON outbox (channel, account, updated_at) WHERE state = 'sent';
