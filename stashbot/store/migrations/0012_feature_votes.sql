CREATE TABLE feature_votes (
    chat_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    facet TEXT NOT NULL,
    feature_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    vote TEXT CHECK (vote IN ('like', 'dislike')),
    taken_back TEXT,
    voted_at TEXT NOT NULL,
    update_id INTEGER NOT NULL,
    PRIMARY KEY (chat_id, user_id, facet, feature_id)
) WITHOUT ROWID;
