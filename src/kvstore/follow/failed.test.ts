/**
 * A read replica whose own disk fails: it says so and ends, instead of asking its sources for ever.
 */
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../base/index.ts';
import { withTempDir } from '../../recoverylog/testing/index.ts';
import { SqliteEngine } from '../engine/sqlite/sqlite-engine.ts';
import { databaseOn, FULL } from '../engine/testing/full-disk.ts';
import { Master } from '../testing/master.ts';
import { closeReplicas, startReplica, until } from '../testing/replica-rig.ts';

test('it is not ready, shows what it has, tells whoever runs it, and goes on where the disk is in its next life', () =>
  Master.during((master) =>
    withTempDir(async (dir) => {
      const disk = { isFull: false };
      const engine = await SqliteEngine.over(databaseOn(join(dir, 'kv.db'), disk), systemClock);
      master.put(['k', 'one']);
      const rig = await startReplica([[master.url]], { engine });
      await until(() => rig.engine.stateHash() === master.hash());
      disk.isFull = true;
      master.put(['k', 'two']);
      expect(await rig.replica.failed).toBe(FULL);
      expect(rig.replica.figures()).toMatchObject({ state: 'failed', health: { reason: 'failed' } });
      expect(await rig.ready()).toMatchObject({ status: 503 });
      const asked = master.asked.length;
      await systemClock.sleep(50); // five times as long as between two questions
      expect(master.asked.length).toBe(asked);
      await closeReplicas();
      const again = await startReplica([[master.url]], {
        engine: await SqliteEngine.over(databaseOn(join(dir, 'kv.db'), { isFull: false }), systemClock),
      });
      await until(() => again.engine.stateHash() === master.hash());
      await closeReplicas();
    }),
  ));
