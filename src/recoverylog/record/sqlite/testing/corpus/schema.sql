CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, size INT GENERATED ALWAYS AS (length(what)) STORED);
CREATE TABLE seen (what PRIMARY KEY, times INT DEFAULT 1);
CREATE TRIGGER remember AFTER INSERT ON log BEGIN INSERT INTO seen (what) VALUES (new.what) ON CONFLICT DO UPDATE SET times = times + 1; END;
CREATE VIEW often AS SELECT what, times FROM seen WHERE times > 1;
INSERT INTO log (what) VALUES ('a'), ('b'), ('a'), ('cc'), ('a');
SELECT * FROM often;
-- crash
ALTER TABLE log RENAME COLUMN what TO event;
ALTER TABLE log ADD COLUMN more DEFAULT 'none';
CREATE INDEX log_by_size ON log (size DESC, event) WHERE size > 0;
CREATE UNIQUE INDEX seen_times ON seen (what, times);
INSERT INTO log (event, more) VALUES ('ddd', 'some');
SELECT * FROM log ORDER BY size DESC, id;
REINDEX;
ANALYZE;
-- crash with hints
DROP INDEX log_by_size;
ALTER TABLE log DROP COLUMN more;
ALTER TABLE seen RENAME TO counted;
SELECT name, sql FROM sqlite_schema ORDER BY name;
DELETE FROM log WHERE id > 2;
INSERT INTO log (event) VALUES ('id is not used again');
SELECT id FROM log;
VACUUM;
-- crash
CREATE TABLE log (oops);
SELECT seq FROM sqlite_sequence;
DROP TABLE log;
DROP VIEW often;
PRAGMA user_version = 7;
PRAGMA application_id = 77;
-- snapshot
-- crash with hints
PRAGMA user_version;
PRAGMA application_id;
SELECT * FROM counted ORDER BY what;
