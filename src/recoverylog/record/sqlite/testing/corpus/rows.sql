CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, age INT CHECK (age >= 0));
INSERT INTO person (name, age) VALUES ('Ada', 36), ('Bob', 7), ('Cleo', NULL);
INSERT INTO person (name, age) VALUES ('Ada', 1);
INSERT INTO person (name, age) VALUES ('Dot', -1);
INSERT INTO person (name) VALUES (NULL);
SELECT name, age FROM person ORDER BY name;
-- crash
INSERT INTO person (name, age) VALUES ('Ada', 37) ON CONFLICT (name) DO UPDATE SET age = excluded.age;
INSERT OR REPLACE INTO person (id, name, age) VALUES (2, 'Bobby', 8);
INSERT OR IGNORE INTO person (name) VALUES ('Cleo');
UPDATE person SET age = age * 2 WHERE age IS NOT NULL RETURNING name, age;
DELETE FROM person WHERE age IS NULL RETURNING id;
SELECT count(*), sum(age), max(id) FROM person;
-- crash with hints
CREATE TABLE pair (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID;
INSERT INTO pair SELECT value / 7, value % 7 FROM (WITH RECURSIVE n (value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM n WHERE value < 48) SELECT value FROM n);
DELETE FROM pair WHERE a = b;
UPDATE pair SET b = b + 100 WHERE a > 3;
SELECT a, group_concat(b) FROM pair GROUP BY a ORDER BY a;
-- snapshot
-- crash
SELECT count(*) FROM pair WHERE b > 100;
UPDATE pair SET a = 0;
UPDATE OR IGNORE pair SET a = 0;
SELECT count(*) FROM pair;
