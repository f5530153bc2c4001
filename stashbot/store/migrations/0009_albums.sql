ALTER TABLE sent_photos ADD COLUMN album INTEGER;
ALTER TABLE sent_photos ADD COLUMN album_message INTEGER;
CREATE INDEX sent_photos_album ON sent_photos (chat_id, album) WHERE album IS NOT NULL;
CREATE INDEX sent_photos_album_message ON sent_photos (chat_id, album_message)
    WHERE album_message IS NOT NULL;

-- No buttons stand under the photos and videos of these requests, or under few of them.
UPDATE sent_photos SET album = (
    SELECT MIN(message_id) FROM sent_photos AS others
    WHERE others.request_id = sent_photos.request_id
)
WHERE kind IN ('photo', 'video') AND request_id IN (SELECT id FROM requests WHERE count > 1);
