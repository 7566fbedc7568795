/**
 * The engine of a read replica: in memory, or on a plain SQLite file, from which it goes on after a restart.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock } from '../../base/index.ts';
import { type Engine } from '../engine/engine.ts';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { plainDatabase } from '../engine/sqlite/database.ts';
import { SqliteEngine } from '../engine/sqlite/sqlite-engine.ts';

const FILE = 'replica.db';

/** @param dir for SQLite; made when it is not there. @throws what the file system and SQLite say, KvFormatError when a newer version has written the file */
export async function openReplicaEngine(dir: string | undefined, clock: Clock): Promise<Engine> {
  if (dir === undefined) return new MemoryEngine({ clock });
  await mkdir(dir, { recursive: true });
  return await SqliteEngine.over(plainDatabase(join(dir, FILE)), clock);
}
