CREATE TABLE conversions (
    image_id INTEGER PRIMARY KEY,
    deaths INTEGER NOT NULL,
    last_at TEXT NOT NULL
);
