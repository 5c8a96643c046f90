-- Devices that may connect to the control plane. The bodies are JSON of the crate that decides about them.
CREATE TABLE devices (id TEXT PRIMARY KEY, body TEXT NOT NULL, seen_at INTEGER) WITHOUT ROWID;
CREATE TABLE device_requests (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE setup_codes (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
-- Random keys of this gateway, by what they are for.
CREATE TABLE gateway_keys (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
