/**
 * The state file while a snapshot takes its place, step by step.
 */
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { silentLogger, utf8 } from '../base/index.ts';
import { newLog, takeOver, withTempDir } from '../recoverylog/testing/index.ts';
import { AppliedState } from './applied-state.ts';
import { CurrentFile } from './current-file.ts';
import type { UpdateEnvelope } from './envelope.ts';
import { noFilesOf } from './snapshot-file/no-files.ts';
import { CURRENT } from './paths.ts';
import { StateFileReader } from './state-file.ts';
import { ListMachine } from './testing/index.ts';
import { logIndex, logTerm } from './types.ts';

const { signal } = new AbortController();

const command = (index: number, text: string): UpdateEnvelope => ({
  kind: 'batch',
  term: logTerm(1),
  first: logIndex(index),
  commands: [{ requestId: new Uint8Array(0), cmd: utf8(text) }],
});

test('entries that are applied just after a snapshot was pinned are behind it in the file (E1)', () =>
  withTempDir(async (dir) => {
    const { fs, session } = await takeOver(newLog(), join(dir, 'primary'), 1);
    const machine = new ListMachine();
    const file = await CurrentFile.open(fs, { machine, place: undefined });
    const state = new AppliedState(machine);
    const apply = async (update: UpdateEnvelope): Promise<void> => {
      await state.apply(update);
      file.applied(state.index);
    };
    for (const [n, text] of ['a', 'b', 'c', 'd'].entries()) await file.append(command(n + 1, text));
    await apply(command(1, 'a'));
    await apply(command(2, 'b'));
    const replacing = file.replaceBySnapshot(state, signal);
    const applying = apply(command(3, 'c')); // in the same turn
    await Promise.all([applying, apply(command(4, 'd')), replacing]);
    const copy = new AppliedState(new ListMachine());
    const read = await fs.open(CURRENT, { readOnly: true });
    const options = { path: CURRENT, file: read, sink: copy, log: silentLogger, filesOf: noFilesOf };
    const reader = new StateFileReader(options);
    await reader.advance(signal);
    expect(reader.finish()).toMatchObject({ snapshotIndex: 2 });
    expect(await copy.stateHash()).toBe(await state.stateHash());
    await read.close();
    await file.close();
    await session.close();
  }));

test('entries may be applied in any turn while a snapshot is pinned (E1)', () =>
  withTempDir(async (dir) => {
    const { fs, session } = await takeOver(newLog(), join(dir, 'primary'), 1);
    const machine = new ListMachine();
    const file = await CurrentFile.open(fs, { machine, place: undefined });
    const state = new AppliedState(machine);
    for (let turns = 0; turns < 20; turns++) {
      const [last, next] = [command(2 * turns + 1, 'last'), command(2 * turns + 2, 'next')];
      for (const update of [last, next]) await file.append(update);
      await state.apply(last);
      file.applied(state.index);
      const replacing = file.replaceBySnapshot(state, signal);
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      await state.apply(next);
      file.applied(state.index);
      await replacing;
    }
    await file.close();
    await session.close();
  }));
