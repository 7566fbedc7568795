/**
 * A command that is longer than one operation of the log, and a log that ends between the operations of it: the tear that really happens.
 * One tear, and the shortest: hashing is slow inside a test runner's sandbox.
 */
import { expect, test } from '@jest/globals';
import { ClientHistory, cutLog, until, withReplicas } from './testing/index.ts';

const MIB = 1024 * 1024;
/** Every operation of a long write in a slot of its own. */
const session = { maxBatchBytes: Math.ceil(1.05 * MIB) };

test('a log that ends inside a long command: the next primary goes on behind it, takes a snapshot, and is followed and read back', () =>
  withReplicas(async (start, log) => {
    const clients = new ClientHistory(log);
    const runtime = await (await start()).promote(1, { session });
    await clients.ask(runtime, 'short');
    const before = log.store.objects.size;
    await clients.ask(runtime, 'long', 1.1 * MIB);
    expect(log.store.objects.size).toBe(before + 2);
    await withReplicas(
      async (startCut) => {
        const { place } = await (await startCut()).replayed();
        expect(place).toMatchObject({ torn: true });
        const [primary, standby] = [await startCut(), await startCut()];
        const next = await primary.promote(2);
        clients.check(next.lookup(), before + 1);
        expect(next.lookup()).toEqual(['short']);
        await next.propose(new TextEncoder().encode('goes on'));
        await until(() => standby.follower.appliedIndex === next.appliedIndex);
        expect(await standby.follower.stateHash()).toBe(await next.stateHash());
        expect(await (await (await startCut()).replayed()).state!.stateHash()).toBe(await next.stateHash());
        await next.checkpoint();
        const hints = await primary.taken!.recorder.buildHints();
        expect(await (await (await startCut(hints)).replayed()).state!.stateHash()).toBe(
          await next.stateHash(),
        );
      },
      cutLog(log, before + 1),
    );
  }));
