CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id INTEGER NOT NULL,
    "when" TEXT NOT NULL,
    zone TEXT NOT NULL DEFAULT '',
    count INTEGER NOT NULL DEFAULT 1,
    is_fixed INTEGER NOT NULL DEFAULT 0,
    handled_until TEXT NOT NULL,
    UNIQUE (chat_id, "when", zone, count, is_fixed)
);

ALTER TABLE requests ADD COLUMN order_id INTEGER;
ALTER TABLE requests ADD COLUMN due TEXT;
CREATE UNIQUE INDEX requests_due ON requests (order_id, due) WHERE order_id IS NOT NULL;
