/**
 * The life of a shard on disks that fail it, and the verdict on it: what was acknowledged is there, or somebody said that something went wrong.
 *
 *   A primary takes commands, several at once, writes a snapshot and hints, and takes more; a standby follows it, and is promoted when it is over, by its
 *   own failure or by the story; whatever had no answer is asked again under its id. Then whoever has the log plays it from its beginning and from the hints.
 *
 *   D1  What was acknowledged is in the list that is played, at the place it was acknowledged with; nothing is there twice, or was never asked for.
 *   D2  A replica whose disk failed says so: playing, following, opening, a request or the runtime ends with an error.
 *   D3  Nobody leaves a file open.
 *   D4  A last replica, on a disk that is well, can always take over, and has the state that is played (I7).
 */
import { errorCode, utf8 } from '../../../src/base/index.ts';
import { calmJournal, type CalmJournal } from '../../../src/journal/testing/index.ts';
import type { FsmHints } from '../../../src/recoverylog/index.ts';
import type { Runtime } from '../../../src/statemachine/index.ts';
import type { Dice } from './inodes.ts';
import { LIST_MACHINES, type List, type ListMachine } from './list-machines.ts';
import { DiskReplica } from './replica.ts';
import { Volume, type Injector } from './volume.ts';

export interface ShardStory {
  readonly kind: ListMachine['kind'];
  /** What becomes of the calls of each process; all is well by default. */
  readonly primary?: Injector;
  readonly standby?: Injector;
  /** Disks of the two that are there already, or that whoever injects wants to have a hand on. */
  readonly volumes?: { readonly primary: Volume; readonly standby: Volume };
  /** Every sync is answered and does nothing. */
  readonly lies?: boolean;
  /** The power of both is cut at the end; what was not synced survives as the dice say. The last replica comes up on the primary's disk. */
  readonly endsWithPowerCut?: Dice;
}

export interface ShardVerdict {
  readonly wrong: readonly string[];
  /** Codes of what each of the two was ended by, or refused. */
  readonly told: { readonly primary: readonly string[]; readonly standby: readonly string[] };
  /** Calls that each of the two made of its disk. */
  readonly calls: { readonly primary: number; readonly standby: number };
  readonly acknowledged: number;
}

const PRIMARY_TERM = 1;
const STANDBY_TERM = 2;
const LAST_TERM = 3;
/** Longer than the disk is behind the log (recoverylog FOLLOW_MS), so that it has to follow by itself; ms. */
const PAUSE_MS = 1500;
/** Longest time until a standby has followed, ms. */
const CATCH_UP_MS = 10_000;
const POLL_MS = 20;

export async function liveShard(story: ShardStory): Promise<ShardVerdict> {
  const log = calmJournal();
  return await log.clock.run(new Life(log, story).run());
}

class Life {
  readonly #log: CalmJournal;
  readonly #story: ShardStory;
  readonly #answered = new Map<string, number>();
  readonly #open = new Set<string>();
  readonly #told = { primary: [] as string[], standby: [] as string[] };
  readonly #wrong: string[] = [];
  #hints: FsmHints | undefined;

  constructor(log: CalmJournal, story: ShardStory) {
    this.#log = log;
    this.#story = story;
  }

  async run(): Promise<ShardVerdict> {
    const { kind, endsWithPowerCut, lies = false } = this.#story;
    const { volumes = { primary: new Volume(), standby: new Volume() } } = this.#story;
    for (const volume of Object.values(volumes)) volume.liesAboutSyncs = lies;
    const start = (name: 'primary' | 'standby'): DiskReplica => {
      const injector = this.#story[name];
      const disk = volumes[name].attach(injector ? { injector } : {});
      return new DiskReplica(this.#log, disk, LIST_MACHINES[kind]());
    };
    const primary = start('primary');
    const standby = start('standby');
    const standbyLives = this.#attempt('standby', () => standby.tailing());
    await this.#attempt('primary', () => this.#reign(primary));
    await standbyLives;
    await this.#attempt('standby', () => this.#catchUp(primary, standby));
    await this.#end('primary', primary);
    await this.#attempt('standby', () => this.#succeed(standby));
    await this.#end('standby', standby);
    if (endsWithPowerCut) for (const volume of Object.values(volumes)) volume.cutPower(endsWithPowerCut);
    await this.#judge(endsWithPowerCut ? volumes.primary : new Volume());
    return {
      wrong: this.#wrong,
      told: this.#told,
      calls: { primary: primary.disk.operations, standby: standby.disk.operations },
      acknowledged: this.#answered.size,
    };
  }

  async #reign(primary: DiskReplica): Promise<void> {
    const { clock } = this.#log;
    await primary.tailing();
    const runtime = await primary.promote(PRIMARY_TERM, 101);
    await this.#askAll('primary', runtime, ['a1', 'a2', 'a3']);
    const snapshot = runtime.checkpoint();
    snapshot.catch(() => undefined); // awaited below
    await this.#askAll('primary', runtime, ['b1', 'b2']);
    await snapshot;
    this.#hints = await primary.taken!.recorder.buildHints();
    await this.#askAll('primary', runtime, ['c1']);
    await clock.sleep(PAUSE_MS);
    await this.#askAll('primary', runtime, ['c2', 'c3']);
  }

  /** A standby follows what its primary has applied. */
  async #catchUp(primary: DiskReplica, standby: DiskReplica): Promise<void> {
    const { clock } = this.#log;
    const index = primary.runtime?.appliedIndex ?? 0;
    const isThere = async (): Promise<void> => {
      const giveUpMs = clock.monotonicMs() + CATCH_UP_MS;
      while (this.#story.kind !== 'on-disk' && standby.follower.appliedIndex < index) {
        if (clock.monotonicMs() > giveUpMs) throw new Error('the standby does not catch up');
        await clock.sleep(POLL_MS);
      }
    };
    await Promise.race([isThere(), standby.ended()]);
  }

  async #succeed(standby: DiskReplica): Promise<void> {
    const runtime = await standby.promote(STANDBY_TERM, 102);
    await this.#askAll('standby', runtime, [...this.#open, 'd1', 'd2']);
    await runtime.checkpoint();
    await this.#askAll('standby', runtime, ['e1', ...this.#answered.keys()]);
  }

  async #askAll(
    who: 'primary' | 'standby',
    runtime: Runtime<void, List, List>,
    names: readonly string[],
  ): Promise<void> {
    await Promise.all(names.map((name) => this.#ask(who, runtime, name)));
  }

  /** Asks for a command whose name is its request id. */
  async #ask(who: 'primary' | 'standby', runtime: Runtime<void, List, List>, name: string): Promise<void> {
    this.#open.add(name);
    try {
      const { value } = await runtime.propose(utf8(name), { requestId: name });
      const before = this.#answered.get(name);
      if (before !== undefined && before !== value)
        this.#wrong.push(`D1: ${name} was answered ${before}, and now ${value}`);
      this.#answered.set(name, value);
      this.#open.delete(name);
    } catch (error) {
      this.#told[who].push(errorCode(error) ?? String(error));
    }
  }

  /** What fails is told, and ends the attempt. */
  async #attempt(who: 'primary' | 'standby', act: () => Promise<void>): Promise<void> {
    if (this.#told[who].length > 0) return;
    try {
      await act();
    } catch (error) {
      this.#told[who].push(errorCode(error) ?? String(error));
    }
  }

  async #end(who: 'primary' | 'standby', replica: DiskReplica): Promise<void> {
    try {
      await replica.crash();
    } catch (error) {
      this.#told[who].push(errorCode(error) ?? String(error));
    }
    const left = replica.disk.open;
    if (left.length > 0) this.#wrong.push(`D3: the ${who} leaves open: ${left.join(', ')}`);
  }

  async #judge(lastVolume: Volume): Promise<void> {
    const machine = LIST_MACHINES[this.#story.kind];
    const last = new DiskReplica(this.#log, lastVolume.attach(), machine());
    await last.tailing();
    const runtime = await last.promote(LAST_TERM, 103);
    const list = runtime.lookup();
    const hash = await runtime.stateHash();
    this.#checkList(list);
    await last.close();
    for (const [n, hints] of [undefined, this.#hints].entries()) {
      const replica = new DiskReplica(this.#log, new Volume().attach(), machine(), hints);
      const played = await replica.replayed(LAST_TERM + 1 + n, 104 + n);
      if (played.list.join() !== list.join()) this.#wrong.push(`D4: played ${played.list.join()}`);
      if (played.hash !== undefined && played.hash !== hash)
        this.#wrong.push(`D4: played ${played.hash}, the last replica has ${hash}`);
      await replica.close();
    }
  }

  /** D1 */
  #checkList(list: List): void {
    if (new Set(list).size !== list.length)
      this.#wrong.push(`D1: something is there twice: ${list.join(' ')}`);
    for (const [name, place] of this.#answered)
      if (list[place - 1] !== name)
        this.#wrong.push(`D1: ${name} was acknowledged at ${place}; there is ${list.join(' ')}`);
    for (const name of list)
      if (!this.#answered.has(name) && !this.#open.has(name))
        this.#wrong.push(`D1: nobody asked for ${name}`);
  }
}
