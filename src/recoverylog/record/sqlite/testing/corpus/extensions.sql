CREATE VIRTUAL TABLE doc USING fts5 (title, body);
INSERT INTO doc VALUES ('log', 'every change of a directory as operations in a journal'), ('fence', 'a writer that was fenced appends nothing');
INSERT INTO doc VALUES ('hints', 'which files are alive and where their operations lie');
SELECT title FROM doc WHERE doc MATCH 'operations' ORDER BY title;
-- crash
UPDATE doc SET body = body || ' and nothing else' WHERE title = 'fence';
DELETE FROM doc WHERE title = 'log';
SELECT title FROM doc WHERE doc MATCH 'nothing OR operations' ORDER BY title;
INSERT INTO doc (doc) VALUES ('optimize');
-- crash with hints
INSERT INTO doc (doc) VALUES ('integrity-check');
CREATE VIRTUAL TABLE box USING rtree (id, x0, x1, y0, y1);
INSERT INTO box SELECT value, value, value + 2, value % 10, value % 10 + 1 FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 300) SELECT value FROM n);
DELETE FROM box WHERE id % 4 = 0;
-- snapshot
-- crash
SELECT count(*), sum(id) FROM box WHERE x0 > 20 AND x1 < 60 AND y0 >= 3;
CREATE TABLE j (doc);
INSERT INTO j VALUES (json('{"a": [1, 2, {"b": null}]}')), (jsonb('[1, "two", 3.5]'));
SELECT json(doc), json_extract(doc, '$[1]'), doc ->> '$.a[1]' FROM j;
UPDATE j SET doc = json_set(doc, '$.c', 'new') WHERE json_type(doc) = 'object';
-- crash
SELECT json(doc) FROM j;
SELECT total(value) OVER (ORDER BY value ROWS 1 PRECEDING) FROM json_each('[3, 1, 2]');
