ALTER TABLE chats ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';

-- The messages that the bot can still delete.
CREATE TABLE messages (
    chat_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    sent_at TEXT NOT NULL,
    is_unwanted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (chat_id, message_id)
) WITHOUT ROWID;
INSERT OR IGNORE INTO messages (chat_id, message_id, sent_at)
SELECT chat_id, message_id, sent_at FROM sent_photos
WHERE message_id IS NOT NULL AND sent_at > datetime('now', '-2 days');
