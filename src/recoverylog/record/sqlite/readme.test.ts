/**
 * The program of the README does what it says, and nobody who has no database pays for SQLite.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { newLog, takeOver, withTempDir } from '../../testing/index.ts';
import * as door from '../../index.ts';

/** A function of these names, from source. */
type Program = (RecordedSqlite: unknown, fs: unknown, console: unknown) => Promise<void>;
const AsyncFunction = (async () => {}).constructor as new (...source: string[]) => Program;

test('the program of the README runs, and SQLite is loaded by it and not before', () =>
  withTempDir(async (dir) => {
    const loads = jest.spyOn(WebAssembly, 'instantiate');
    const { fs, session } = await takeOver(newLog(), dir, 1);
    expect(loads).not.toHaveBeenCalled();
    const readme = await readFile(join(import.meta.dirname, 'README.md'), 'utf8');
    const program = /```ts\n([^]*?)```/.exec(readme)![1]!;
    const lines: string[] = [];
    const log = (value: unknown): number => lines.push(JSON.stringify(value));
    await new AsyncFunction('RecordedSqlite', 'fs', 'console', program)(door.RecordedSqlite, fs, { log });
    expect(lines).toEqual(['[{"name":"tea"}]']);
    expect(loads).toHaveBeenCalledTimes(1);
    await session.close();
  }));
