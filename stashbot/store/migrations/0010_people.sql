CREATE TABLE people (
    -- The ids of removed people stay unused: buttons name them.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id INTEGER NOT NULL UNIQUE,
    standing TEXT NOT NULL CHECK (standing IN ('owner', 'admitted', 'waiting', 'ignored')),
    name TEXT NOT NULL,
    username TEXT NOT NULL,
    language TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    told_at TEXT
);
