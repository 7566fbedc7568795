PRAGMA cache_size = 4;
CREATE TABLE account (id INTEGER PRIMARY KEY, amount INT NOT NULL CHECK (amount >= 0), note);
INSERT INTO account VALUES (1, 100, 'one'), (2, 100, 'two'), (3, 0, hex(zeroblob(3000)));
BEGIN;
UPDATE account SET amount = amount - 30 WHERE id = 1;
UPDATE account SET amount = amount + 30 WHERE id = 2;
COMMIT;
-- crash
BEGIN;
UPDATE account SET amount = amount - 80 WHERE id = 1;
UPDATE account SET note = hex(zeroblob(5000));
ROLLBACK;
SELECT id, amount, length(note) FROM account;
BEGIN;
DELETE FROM account;
INSERT INTO account SELECT 10 + value, value, hex(zeroblob(900)) FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 90) SELECT value FROM n);
-- crash
SELECT id, amount FROM account ORDER BY id;
BEGIN;
SAVEPOINT one;
UPDATE account SET amount = 5 WHERE id = 1;
SAVEPOINT two;
UPDATE account SET amount = -5 WHERE id = 2;
DELETE FROM account WHERE id = 3;
ROLLBACK TO two;
RELEASE two;
UPDATE account SET note = note || '!' WHERE id < 3;
RELEASE one;
COMMIT;
-- crash with hints
SELECT id, amount, substr(note, 1, 5) FROM account ORDER BY id;
BEGIN;
INSERT INTO account SELECT 100 + value, value, zeroblob(0) FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 400) SELECT value FROM n);
SAVEPOINT inner;
UPDATE account SET amount = amount + 1, note = hex(zeroblob(200)) WHERE id > 100;
ROLLBACK TO inner;
DELETE FROM account WHERE id % 2 = 1 AND id > 100;
COMMIT;
-- snapshot
SELECT count(*), sum(amount) FROM account;
CREATE TABLE parent (id INTEGER PRIMARY KEY);
CREATE TABLE child (parent REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
PRAGMA foreign_keys = ON;
BEGIN;
INSERT INTO child VALUES (1);
INSERT INTO parent VALUES (1);
COMMIT;
-- crash
PRAGMA foreign_keys = ON;
INSERT INTO child VALUES (99);
DELETE FROM parent;
SELECT * FROM child;
