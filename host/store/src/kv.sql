-- What plugins remember, each account its own. `kv_usage` counts the bytes of keys and values, so that a quota costs one look.
CREATE TABLE kv (
    channel TEXT NOT NULL, account TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (channel, account, key)
) WITHOUT ROWID;
CREATE TABLE kv_usage (
    channel TEXT NOT NULL, account TEXT NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (channel, account)
) WITHOUT ROWID;
