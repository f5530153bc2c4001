ALTER TABLE orders RENAME TO schedules;
ALTER TABLE requests RENAME COLUMN order_id TO schedule_id;

ALTER TABLE votes DROP COLUMN pressed;
ALTER TABLE votes DROP COLUMN shown;
ALTER TABLE votes DROP COLUMN worth;
ALTER TABLE votes ADD COLUMN taken_back TEXT;
ALTER TABLE votes ADD COLUMN update_id INTEGER NOT NULL DEFAULT 0;
UPDATE votes SET update_id = last.update_id
FROM (SELECT update_id FROM presses ORDER BY pressed_at DESC LIMIT 1) AS last;
DROP TABLE presses;

CREATE TABLE feature_counts (
    chat_id INTEGER NOT NULL,
    facet TEXT NOT NULL,
    feature_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    likes INTEGER NOT NULL,
    dislikes INTEGER NOT NULL,
    shown INTEGER NOT NULL,
    PRIMARY KEY (chat_id, facet, feature_id)
) WITHOUT ROWID;
INSERT INTO feature_counts
SELECT chat_id, facet, feature_id, MAX(name), SUM(likes), SUM(dislikes), SUM(shown) FROM (
    SELECT chat_id, facet, feature_id, name, likes, dislikes, 0 AS shown FROM tallies
    UNION ALL
    SELECT chat_id, each.value ->> 0,
        iif(each.value ->> 0 = 'image', 0, each.value ->> 1), '', 0, 0, times
    FROM (
        SELECT chat_id, image_id, COUNT(*) AS times FROM sent_photos
        WHERE state <> 'sending' GROUP BY chat_id, image_id
    ) AS sent
    JOIN pictures ON pictures.image_id = sent.image_id
    JOIN json_each(pictures.features) AS each
) GROUP BY chat_id, facet, feature_id;
DROP TABLE tallies;
DROP TABLE showings;

ALTER TABLE ratings RENAME TO old_ratings;
DROP INDEX ratings_queued;
CREATE TABLE ratings (
    image_id INTEGER PRIMARY KEY,
    queued INTEGER,
    target INTEGER,
    is_new INTEGER NOT NULL DEFAULT 0,
    written INTEGER,
    announced INTEGER,
    before INTEGER
);
CREATE INDEX ratings_queued ON ratings (queued) WHERE queued IS NOT NULL;
INSERT INTO ratings
SELECT image_id, queued, target, queued IS NOT NULL AND queued IS ballot AND announced < ballot,
    iif(is_sure, told, NULLIF(seen, before)), iif(is_sure, NULL, told), before
FROM old_ratings;
DROP TABLE old_ratings;
