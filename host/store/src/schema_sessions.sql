-- What people decided about a session. The session itself is in `sessions`, what was said in `entries`.
CREATE TABLE session_settings (
    key TEXT PRIMARY KEY, label TEXT, archived_at INTEGER, settings TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_labels ON session_settings (label) WHERE label IS NOT NULL;
CREATE INDEX sessions_by_id ON sessions (session_id);
