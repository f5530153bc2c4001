ALTER TABLE schedules ADD COLUMN removed_at TEXT;
