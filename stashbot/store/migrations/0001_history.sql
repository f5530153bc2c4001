CREATE TABLE chats (
    chat_id INTEGER PRIMARY KEY,
    language TEXT NOT NULL DEFAULT '',
    gone_since TEXT,
    gone_reason TEXT,
    moved_from INTEGER
);

CREATE TABLE requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    update_id INTEGER UNIQUE,
    chat_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    count INTEGER NOT NULL,
    "trigger" TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    language TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
    finished_at TEXT
);

CREATE TABLE sent_photos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    image_id INTEGER NOT NULL,
    sent_at TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    title TEXT NOT NULL DEFAULT '',
    chat_id INTEGER NOT NULL,
    request_id INTEGER REFERENCES requests (id) ON DELETE SET NULL,
    state TEXT NOT NULL DEFAULT 'sent' CHECK (state IN ('sending', 'sent', 'unknown')),
    kind TEXT,
    message_id INTEGER,
    is_latest INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX sent_photos_image_id ON sent_photos (image_id);
CREATE INDEX sent_photos_sent_at ON sent_photos (sent_at);
CREATE INDEX sent_photos_seen ON sent_photos (chat_id, image_id, sent_at);
CREATE INDEX sent_photos_latest ON sent_photos (chat_id, is_latest, sent_at, state);
CREATE INDEX sent_photos_request_id ON sent_photos (request_id) WHERE request_id IS NOT NULL;
CREATE UNIQUE INDEX sent_photos_sending ON sent_photos (chat_id, image_id)
    WHERE state = 'sending';

CREATE TRIGGER sent_photos_added AFTER INSERT ON sent_photos BEGIN
    UPDATE sent_photos SET is_latest = NOT is_latest
    WHERE chat_id = NEW.chat_id AND image_id = NEW.image_id AND is_latest <> (id = (
        SELECT id FROM sent_photos WHERE chat_id = NEW.chat_id AND image_id = NEW.image_id
        ORDER BY sent_at DESC, id DESC LIMIT 1
    ));
END;
CREATE TRIGGER sent_photos_changed AFTER UPDATE OF sent_at ON sent_photos BEGIN
    UPDATE sent_photos SET is_latest = NOT is_latest
    WHERE chat_id = NEW.chat_id AND image_id = NEW.image_id AND is_latest <> (id = (
        SELECT id FROM sent_photos WHERE chat_id = NEW.chat_id AND image_id = NEW.image_id
        ORDER BY sent_at DESC, id DESC LIMIT 1
    ));
END;
CREATE TRIGGER sent_photos_removed AFTER DELETE ON sent_photos WHEN OLD.is_latest BEGIN
    UPDATE sent_photos SET is_latest = 1 WHERE id = (
        SELECT id FROM sent_photos WHERE chat_id = OLD.chat_id AND image_id = OLD.image_id
        ORDER BY sent_at DESC, id DESC LIMIT 1
    );
END;

CREATE TABLE walks (
    chat_id INTEGER PRIMARY KEY,
    seed INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    exhausted_at TEXT,
    newest_id INTEGER NOT NULL
);

CREATE TABLE files (
    bot_id INTEGER NOT NULL,
    image_id INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    shape TEXT NOT NULL,
    kind TEXT NOT NULL,
    file_id TEXT NOT NULL,
    saved_at TEXT NOT NULL,
    PRIMARY KEY (bot_id, image_id)
) WITHOUT ROWID;

CREATE TABLE skipped_images (
    image_id INTEGER PRIMARY KEY,
    until TEXT NOT NULL,
    reason TEXT NOT NULL
);
