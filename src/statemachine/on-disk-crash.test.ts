/**
 * An on-disk machine whose primary dies at every step: the log is cut behind each of its slots, and each step of a commit has its own. Whoever opens what
 * is left has all that was answered by then, once, goes on, and is read back.
 */
import { expect, test } from '@jest/globals';
import { ClientHistory, cutLog, DiskList, withReplicasOf } from './testing/index.ts';

test('wherever a commit or a checkpoint is cut, nothing that was answered is lost and nothing is there twice (I1-I3, F4.15)', () =>
  withReplicasOf(
    () => new DiskList(),
    async (start, log) => {
      const clients = new ClientHistory(log);
      const primary = await start();
      const runtime = await primary.promote(1);
      primary.machine.stepByStep = true;
      for (const [n, then] of [
        'commit',
        'nothing',
        'checkpoint',
        'commit',
        'checkpoint',
        'nothing',
      ].entries()) {
        await Promise.all([0, 1].map((m) => clients.ask(runtime, `c${n}-${m}`)));
        if (then === 'commit') await runtime.drain();
        if (then === 'checkpoint') await runtime.checkpoint();
      }
      const { commits } = primary.machine;
      expect(commits).toHaveLength(4);
      await primary.crash();
      const slots = log.store.objects.size;
      const marks = new Set<number>();
      for (let keep = 0; keep <= slots; keep++) {
        await withReplicasOf(
          () => new DiskList(),
          async (startCut) => {
            const next = await startCut();
            const promoted = await next.promote(1000);
            clients.check(promoted.lookup(), keep);
            marks.add(next.machine.openedAt);
            const goesOn = await promoted.propose(new TextEncoder().encode('goes on'), { requestId: 'on' });
            await promoted.drain();
            const hash = await promoted.stateHash();
            await next.crash();
            const last = await startCut();
            const again = await last.promote(1001);
            expect(await again.propose(new TextEncoder().encode('goes on'), { requestId: 'on' })).toEqual(
              goesOn,
            );
            expect((await again.stateHash()).split('/')[2]).toBe(hash.split('/')[2]);
            expect(last.machine.updated).toEqual([]);
          },
          cutLog(log, keep),
        );
      }
      expect([...marks]).toEqual([0, ...commits]); // cut before, between and behind the commits
      expect(slots).toBeGreaterThan(3 * commits.length);
    },
  ));
