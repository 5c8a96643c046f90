-- What is told to models instead of the older part of a transcript, which stays: everything up to the entry `through`.
CREATE TABLE summaries (
    session_id TEXT PRIMARY KEY,
    through INTEGER NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
