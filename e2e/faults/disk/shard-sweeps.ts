/**
 * Sweeps over the calls of a shard's story: each in turn fails, or is the one at which the power is cut.
 */
import { seededRandom } from '../../../src/base/testing/index.ts';
import { endsAt, failsAt } from './injectors.ts';
import { LIST_MACHINES, type ListMachine } from './list-machines.ts';
import { liveShard, type ShardVerdict } from './shard-story.ts';
import { Volume } from './volume.ts';

export const KINDS: readonly ListMachine['kind'][] = Object.keys(LIST_MACHINES) as ListMachine['kind'][];

/** The verdict on a story in which nothing fails: every command is acknowledged. */
export const WHOLE: Pick<ShardVerdict, 'wrong' | 'told' | 'acknowledged'> = {
  wrong: [],
  told: { primary: [], standby: [] },
  acknowledged: 11,
};

const WHO = ['primary', 'standby'] as const;

/**
 * Every `every`th call of either process fails, in a story of its own. Resolves with how many that were.
 * @throws Error when something acknowledged is lost, a failure is not told (D2), or a file stays open
 */
export async function sweepErrors(
  kind: ListMachine['kind'],
  { every, hadEffect = false }: { readonly every: number; readonly hadEffect?: boolean },
): Promise<Record<(typeof WHO)[number], number>> {
  const { calls } = await liveShard({ kind });
  const struck = { primary: 0, standby: 0 };
  for (const who of WHO) {
    for (let n = 1 + (calls[who] % every); n <= calls[who]; n += every) {
      const strike = failsAt(n, { hadEffect });
      const verdict = await liveShard({ kind, [who]: strike.injector });
      const [operation] = strike.struck;
      if (!operation) continue; // what runs beside it makes the story a few calls shorter at times
      struck[who]++;
      const where = `${kind}, call ${n} of the ${who} (${operation.call} ${operation.path})`;
      check(where, verdict);
      if (verdict.told[who].length === 0) throw new Error(`D2: ${where} failed, and nobody said so`);
    }
  }
  return struck;
}

/** The power of one of the two is cut at every `every`th of its calls; by turns nothing unsynced survives, or some of it. @throws as sweepErrors */
export async function sweepPowerCuts(
  kind: ListMachine['kind'],
  { every }: { readonly every: number },
): Promise<number> {
  const { calls } = await liveShard({ kind });
  let cuts = 0;
  for (const who of WHO) {
    for (let n = 1 + (calls[who] % every); n <= calls[who]; n += every) {
      const random = seededRandom(n);
      const survives = (): boolean => n % 2 === 0 && random.chance(0.5);
      const volumes = { primary: new Volume(), standby: new Volume() };
      const strike = endsAt(n, () => volumes[who].cutPower(survives));
      const verdict = await liveShard({ kind, volumes, [who]: strike.injector, endsWithPowerCut: survives });
      check(`${kind}, power cut at call ${n} of the ${who}`, verdict);
      cuts += strike.struck.length;
    }
  }
  return cuts;
}

function check(where: string, { wrong }: ShardVerdict): void {
  if (wrong.length > 0) throw new Error(`${where}: ${wrong.join('; ')}`);
}
