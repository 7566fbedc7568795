/**
 * An exported snapshot as the state of a log: of a new one, or of one that has newer state, which it replaces (F4.30); what clients were answered holds on.
 */
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { contentOf, cutLog, newLog, withTempDir, type PlainLog } from '../../recoverylog/testing/index.ts';
import {
  DiskList,
  FiledList,
  ListMachine,
  RegularList,
  TestReplica,
  until,
  withReplicasOf,
} from '../testing/index.ts';
import { cutsOf } from '../testkit/cuts.ts';
import type { MachineKind } from '../types.ts';
import { exportSnapshot } from './export.ts';
import { importSnapshot } from './import.ts';

type AnyList = ListMachine | RegularList | DiskList;

const KINDS: readonly (readonly [MachineKind | 'files', () => AnyList])[] = [
  ['regular', () => new RegularList()],
  ['concurrent', () => new ListMachine()],
  ['files', () => new FiledList()],
  ['on-disk', () => new DiskList()],
];

async function promote(
  replica: TestReplica<AnyList>,
  term: number,
): ReturnType<TestReplica<AnyList>['promote']> {
  const runtime = await replica.promote(term);
  if (replica.machine instanceof FiledList) replica.machine.fs = replica.taken!.fs;
  return runtime;
}

/** Takes a log over without a runtime, imports, and lets it go. */
async function imported(
  log: PlainLog,
  dir: string,
  exported: string,
  term: number,
  beforeOpen?: (path: string) => Promise<void>,
): Promise<void> {
  const importer = await TestReplica.start(log, join(dir, `importer-${term}`), new ListMachine());
  try {
    const { fs } = (importer.taken = await importer.player.handoff({
      author: 77 + term,
      term,
      session: { flushIntervalMs: 1 },
    }));
    if (beforeOpen) {
      const open = fs.open.bind(fs);
      fs.open = async (path, options) => {
        await beforeOpen(path);
        return await open(path, options);
      };
    }
    await importSnapshot(exported, { fs, term });
  } finally {
    await importer.crash();
  }
}

/** Runs with an exported snapshot of the texts a, b, c, of which b was asked for under the id "id-b". */
async function withExported(
  make: () => AnyList,
  use: (exported: string, dir: string, session: bigint) => Promise<void>,
): Promise<void> {
  await withTempDir((dir) =>
    withReplicasOf(make, async (start) => {
      const primary = await start();
      const runtime = await promote(primary, 3);
      const clientId = await runtime.registerSession();
      await runtime.propose(utf8('a'));
      await runtime.propose(utf8('b'), { requestId: 'id-b' });
      await runtime.propose(utf8('c'), { session: { clientId, series: 1n, respondedTo: 0n } });
      const { path } = await exportSnapshot(runtime, primary.taken!.fs, join(dir, 'exports'));
      await use(path, dir, clientId);
    }),
  );
}

describe.each(KINDS)('of a machine of kind %s, an exported snapshot', (_, make) => {
  test('is the beginning of a new log: everything is there, what was answered is not done again, and the index goes on', () =>
    withExported(make, async (exported, dir, clientId) => {
      const log = newLog();
      await imported(log, dir, exported, 1);
      await withReplicasOf(
        make,
        async (start) => {
          const primary = await start();
          const runtime = await promote(primary, 2);
          expect(await runtime.lookup()).toEqual(['a', 'b', 'c']);
          expect(runtime.appliedIndex).toBe(6); // 5 in the old log, and the no-op of this primary
          expect(await runtime.propose(utf8('b'), { requestId: 'id-b' })).toMatchObject({ value: 2 });
          const again = { session: { clientId, series: 1n, respondedTo: 0n } };
          expect(await runtime.propose(utf8('c'), again)).toMatchObject({ value: 3 });
          await runtime.propose(utf8('d'));
          await runtime.checkpoint();
          await primary.crash();
          const next = await promote(await start(), 3);
          expect(await next.lookup()).toEqual(['a', 'b', 'c', 'd']);
        },
        log,
      );
    }));

  test('replaces newer state of the same log, always, also when the next primary comes before any new snapshot', () =>
    withExported(make, async (exported, dir) => {
      const log = newLog();
      await withReplicasOf(
        make,
        async (start) => {
          const first = await start();
          const runtime = await promote(first, 1);
          for (let n = 0; n < 9; n++) await runtime.propose(utf8(`newer ${n}`));
          await runtime.checkpoint();
          await runtime.propose(utf8('newest'));
          await runtime.drain();
          await first.crash();
          await imported(log, dir, exported, 2);
          for (const term of [3, 4]) {
            const replica = await start();
            const next = await promote(replica, term);
            expect(await next.lookup()).toEqual(term === 3 ? ['a', 'b', 'c'] : ['a', 'b', 'c', 'on 3']);
            await next.propose(utf8(`on ${term}`));
            await replica.crash();
          }
        },
        log,
      );
    }));
});

test('a standby that had newer state takes what was imported', () =>
  withExported(
    () => new ListMachine(),
    (exported, dir) =>
      withReplicasOf(
        () => new ListMachine(),
        async (start, log) => {
          const [first, standby] = [await start(), await start()];
          const runtime = await promote(first, 1);
          for (let n = 0; n < 9; n++) await runtime.propose(utf8(`newer ${n}`));
          await until(() => standby.follower.appliedIndex === runtime.appliedIndex);
          await first.crash();
          await imported(log, dir, exported, 2);
          await until(() => standby.follower.appliedIndex === 5);
          expect(standby.follower.lookup()).toEqual(['a', 'b', 'c']);
          const next = await promote(standby, 3);
          expect(await next.lookup()).toEqual(['a', 'b', 'c']);
        },
      ),
  ));

test('what is not whole is not imported, and nothing is written', () =>
  withExported(
    () => new FiledList(),
    async (exported, dir) => {
      await rm(join(exported, 'external-file-1'));
      const log = newLog();
      await expect(imported(log, dir, exported, 1)).rejects.toMatchObject({ code: 'SNAPSHOT_DAMAGED' });
      await withReplicasOf(
        () => new ListMachine(),
        async (start) => {
          const runtime = await (await start()).promote(2);
          expect(runtime.appliedIndex).toBe(1);
        },
        log,
      );
    },
  ));

test('a file that is changed between the look at it and its copy is not imported: what is opened next has what was before', () =>
  withExported(
    () => new FiledList(),
    async (exported, dir) => {
      const log = newLog();
      const change = async (path: string): Promise<void> => {
        if (path.endsWith('external-file-1')) await appendFile(join(exported, 'external-file-1'), 'more');
      };
      await expect(imported(log, dir, exported, 1, change)).rejects.toMatchObject({
        code: 'SNAPSHOT_DAMAGED',
      });
      await withReplicasOf(
        () => new FiledList(),
        async (start) => {
          const runtime = await promote(await start(), 2);
          expect([runtime.appliedIndex, await runtime.lookup()]).toEqual([1, []]);
        },
        log,
      );
    },
  ));

test('wherever the log of an import ends, there is the state of before or the imported one, and no file that belongs to nothing', () =>
  withExported(
    () => new FiledList(),
    async (exported, dir) => {
      const log = newLog();
      let before = 0;
      await withReplicasOf(
        () => new FiledList(),
        async (start) => {
          const first = await start();
          const runtime = await promote(first, 1);
          await runtime.propose(utf8('older'));
          await runtime.checkpoint();
          before = first.taken!.recorder.end;
          await first.crash();
        },
        log,
      );
      await imported(log, dir, exported, 2);
      const content = await contentOf(log);
      const seen = new Set<string>();
      for (const end of (await cutsOf(log.journal)).filter((each) => each >= before)) {
        const next = await TestReplica.start(
          await cutLog(content, end),
          join(dir, `cut-${end}`),
          new FiledList(),
        );
        try {
          const runtime = await promote(next, 3);
          seen.add((await runtime.lookup()).join(' '));
          expect(await next.taken!.fs.readdir('/state/snapshots')).toHaveLength(2);
        } finally {
          await next.crash();
        }
      }
      expect([...seen]).toEqual(['older', 'a b c']);
    },
  ));
