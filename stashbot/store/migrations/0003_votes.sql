CREATE TABLE pictures (
    image_id INTEGER PRIMARY KEY,
    features TEXT NOT NULL
);

CREATE TABLE votes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL,
    image_id INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    vote TEXT CHECK (vote IN ('like', 'dislike')),
    pressed TEXT NOT NULL,
    shown INTEGER NOT NULL,
    voted_at TEXT NOT NULL,
    worth REAL NOT NULL,
    features TEXT NOT NULL,
    UNIQUE (user_id, image_id)
);
CREATE INDEX votes_image_id ON votes (image_id);
CREATE INDEX votes_chat_id ON votes (chat_id);

CREATE TABLE presses (
    update_id INTEGER PRIMARY KEY,
    pressed_at TEXT NOT NULL
);

CREATE TABLE tallies (
    chat_id INTEGER NOT NULL,
    facet TEXT NOT NULL,
    feature_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    likes INTEGER NOT NULL,
    dislikes INTEGER NOT NULL,
    liked REAL NOT NULL,
    disliked REAL NOT NULL,
    PRIMARY KEY (chat_id, facet, feature_id)
) WITHOUT ROWID;

CREATE TABLE ratings (
    image_id INTEGER PRIMARY KEY,
    queued INTEGER,
    ballot INTEGER,
    target INTEGER,
    told INTEGER,
    before INTEGER,
    is_sure INTEGER NOT NULL DEFAULT 1,
    seen INTEGER,
    announced INTEGER NOT NULL DEFAULT 0,
    since INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX ratings_queued ON ratings (queued) WHERE queued IS NOT NULL;

CREATE TABLE exclusions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id INTEGER NOT NULL,
    facet TEXT NOT NULL,
    feature_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    excluded_at TEXT NOT NULL,
    UNIQUE (chat_id, facet, feature_id)
);

ALTER TABLE requests ADD COLUMN after_message INTEGER;
CREATE UNIQUE INDEX requests_after_message ON requests (chat_id, after_message)
    WHERE after_message IS NOT NULL;
