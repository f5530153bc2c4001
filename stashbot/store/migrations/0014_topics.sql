ALTER TABLE requests ADD COLUMN topic INTEGER NOT NULL DEFAULT 0;

ALTER TABLE schedules RENAME TO old_schedules;
CREATE TABLE schedules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id INTEGER NOT NULL,
    "when" TEXT NOT NULL,
    zone TEXT NOT NULL DEFAULT '',
    count INTEGER NOT NULL DEFAULT 1,
    source TEXT NOT NULL DEFAULT '',
    topic INTEGER NOT NULL DEFAULT 0,
    source_name TEXT NOT NULL DEFAULT '',
    is_fixed INTEGER NOT NULL DEFAULT 0,
    handled_until TEXT NOT NULL,
    removed_at TEXT,
    is_silent INTEGER NOT NULL DEFAULT 0,
    UNIQUE (chat_id, "when", zone, count, source, topic, is_fixed)
);
INSERT INTO schedules
SELECT id, chat_id, "when", zone, count, source, 0, source_name, is_fixed, handled_until, removed_at,
    is_silent
FROM old_schedules;
-- The ids of removed schedules stay unused: buttons and requests name them.
DELETE FROM sqlite_sequence WHERE name = 'schedules';
UPDATE sqlite_sequence SET name = 'schedules' WHERE name = 'old_schedules';
DROP TABLE old_schedules;
