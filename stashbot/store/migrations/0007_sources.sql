ALTER TABLE requests ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE sent_photos ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE chats ADD COLUMN standing TEXT NOT NULL DEFAULT '';
ALTER TABLE chats ADD COLUMN standing_name TEXT NOT NULL DEFAULT '';

ALTER TABLE walks RENAME TO old_walks;
CREATE TABLE walks (
    chat_id INTEGER NOT NULL,
    source TEXT NOT NULL,
    seed INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    exhausted_at TEXT,
    newest_id INTEGER NOT NULL,
    PRIMARY KEY (chat_id, source)
) WITHOUT ROWID;
INSERT INTO walks
SELECT chat_id, 'all', seed, "offset", exhausted_at, newest_id FROM old_walks;
DROP TABLE old_walks;

ALTER TABLE schedules RENAME TO old_schedules;
CREATE TABLE schedules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id INTEGER NOT NULL,
    "when" TEXT NOT NULL,
    zone TEXT NOT NULL DEFAULT '',
    count INTEGER NOT NULL DEFAULT 1,
    source TEXT NOT NULL DEFAULT '',
    source_name TEXT NOT NULL DEFAULT '',
    is_fixed INTEGER NOT NULL DEFAULT 0,
    handled_until TEXT NOT NULL,
    UNIQUE (chat_id, "when", zone, count, source, is_fixed)
);
INSERT INTO schedules
SELECT id, chat_id, "when", zone, count, '', '', is_fixed, handled_until FROM old_schedules;
-- The ids of removed schedules stay unused: buttons and requests name them.
DELETE FROM sqlite_sequence WHERE name = 'schedules';
UPDATE sqlite_sequence SET name = 'schedules' WHERE name = 'old_schedules';
DROP TABLE old_schedules;

CREATE INDEX sent_photos_message ON sent_photos (chat_id, message_id)
    WHERE message_id IS NOT NULL;
