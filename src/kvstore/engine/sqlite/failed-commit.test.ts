/**
 * A commit that the disk does not take: the engine shows what it has and takes nothing more, and whoever opens it again goes on.
 */
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { fromUtf8, utf8 } from '../../../base/index.ts';
import { withTempDir } from '../../../recoverylog/testing/index.ts';
import { logIndex } from '../../../statemachine/index.ts';
import { encodeCommand } from '../../command.ts';
import { MemoryEngine } from '../memory-engine.ts';
import { put } from '../testing/world.ts';
import { databaseOn, FULL } from '../testing/full-disk.ts';
import { SqliteEngine } from './sqlite-engine.ts';

test('a read replica on a disk that was full takes nothing more until it is opened again, and goes on where the disk is', () =>
  withTempDir(async (dir) => {
    const path = join(dir, 'kv.db');
    const source = new MemoryEngine();
    const write = (index: number, value: string): void =>
      void source.update([{ index: logIndex(index), cmd: encodeCommand(put(['k', value]), 1) }]);
    const changesAfter = (
      engine: SqliteEngine,
    ): ReturnType<typeof source.lookup<{ kind: 'changes'; from: number; max: number }>> =>
      source.lookup({ kind: 'changes', from: engine.latestAppliedChangeNumber() + 1, max: 10 });
    const shown = (engine: SqliteEngine): string =>
      fromUtf8(engine.lookup({ kind: 'get', keys: [utf8('k')] })[0]!);
    const disk = { isFull: false };
    const engine = await SqliteEngine.over(databaseOn(path, disk));
    write(1, 'one');
    await engine.saveChanges(changesAfter(engine));
    disk.isFull = true;
    write(2, 'two');
    await expect(engine.saveChanges(changesAfter(engine))).rejects.toBe(FULL);
    disk.isFull = false;
    write(3, 'three');
    await expect(engine.saveChanges(changesAfter(engine))).rejects.toBe(FULL);
    expect([engine.latestAppliedChangeNumber(), shown(engine)]).toEqual([2, 'two']);
    await engine.close();
    const again = await SqliteEngine.over(databaseOn(path, disk));
    expect([again.latestAppliedChangeNumber(), shown(again)]).toEqual([1, 'one']);
    await again.saveChanges(changesAfter(again));
    expect([again.latestAppliedChangeNumber(), shown(again)]).toEqual([3, 'three']);
    expect(again.stateHash()).toBe(source.stateHash());
    await again.close();
  }));
