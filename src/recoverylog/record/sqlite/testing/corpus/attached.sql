PRAGMA auto_vacuum = INCREMENTAL;
CREATE TABLE t (id INTEGER PRIMARY KEY, x);
ATTACH 'side.db' AS side;
PRAGMA side.auto_vacuum = FULL;
CREATE TABLE side.t (id INTEGER PRIMARY KEY, x);
BEGIN;
INSERT INTO main.t (x) VALUES ('here'), ('and there');
INSERT INTO side.t SELECT id, x || '!' FROM main.t;
COMMIT;
SELECT * FROM side.t;
-- crash
ATTACH 'side.db' AS side;
SELECT * FROM main.t JOIN side.t USING (id);
BEGIN;
INSERT INTO main.t (x) SELECT hex(zeroblob(300)) FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 60) SELECT value FROM n);
INSERT INTO side.t (x) SELECT x FROM main.t;
DELETE FROM main.t WHERE id > 30;
ROLLBACK;
BEGIN;
INSERT INTO side.t (x) SELECT hex(zeroblob(300)) FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 60) SELECT value FROM n);
INSERT INTO main.t (x) SELECT x FROM side.t;
COMMIT;
-- crash with hints
ATTACH 'side.db' AS side;
DELETE FROM side.t WHERE id > 3;
DELETE FROM main.t WHERE id % 3 <> 0;
PRAGMA main.incremental_vacuum(10);
SELECT count(*) FROM main.t;
-- snapshot
VACUUM side;
VACUUM;
-- crash
ATTACH 'side.db' AS side;
BEGIN;
UPDATE main.t SET x = 'last';
UPDATE side.t SET x = 'last';
-- crash
ATTACH 'side.db' AS side;
SELECT count(*) FROM main.t WHERE x = 'last';
DETACH side;
SELECT count(*) FROM main.t;
ATTACH 'side.db' AS other;
SELECT x FROM other.t ORDER BY id;
