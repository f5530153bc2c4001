CREATE TABLE showings (
    chat_id INTEGER NOT NULL,
    facet TEXT NOT NULL,
    feature_id INTEGER NOT NULL,
    times REAL NOT NULL,
    PRIMARY KEY (chat_id, facet, feature_id)
) WITHOUT ROWID;
