/**
 * Two primaries over one log, in every order of their requests to the store that takes at most so many turns: players, sessions, recorders and files are
 * the real ones, and each request, and each answer to a create, waits until it is let through.
 *
 * Whoever is fenced acknowledges nothing afterwards (I4), and every player ends in one history that has all that was acknowledged (I1).
 */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import type { CreateOutcome, ObjectStore } from '../../store/index.ts';
import type { FsmHints } from '../index.ts';
import { newLog, play, takeOver, treeOf, withTempDir, type TestLog } from '../testing/index.ts';

type Name = 'a' | 'b';

/** Lets one of two processes go on at a time. */
class Turns {
  /** Steps at which the other one's turn comes, among those at which both could go on. */
  readonly #switches: readonly number[];
  readonly #waiting = new Map<Name, (() => void)[]>([
    ['a', []],
    ['b', []],
  ]);
  #now: Name;
  readonly #ended = new Set<Name>();
  choices = 0;

  constructor(first: Name, switches: readonly number[]) {
    this.#now = first;
    this.#switches = switches;
  }

  /** Resolves when it is the turn of `name` to take a step. */
  step(name: Name): Promise<void> {
    return new Promise((resolve) => this.#waiting.get(name)!.push(resolve));
  }

  end(name: Name): void {
    this.#ended.add(name);
  }

  /** The store as a process meets it. */
  store(name: Name, store: ObjectStore): ObjectStore {
    const stepwise = async <T>(call: () => Promise<T>): Promise<T> => {
      await this.step(name);
      return await call();
    };
    return {
      url: store.url,
      get: (key, call) => stepwise(() => store.get(key, call)),
      head: (key, call) => stepwise(() => store.head(key, call)),
      list: (prefix, call) => stepwise(() => store.list(prefix, call)),
      delete: (key, call) => stepwise(() => store.delete(key, call)),
      close: () => Promise.resolve(),
      create: async (key, body, call): Promise<CreateOutcome> => {
        const outcome = await stepwise(() => store.create(key, body, call));
        await this.step(name); // the answer is on its way
        return outcome;
      },
    };
  }

  /** Lets one process through that nobody competes with, until this much of its work is done. */
  async alone(name: Name, work: Promise<unknown>): Promise<void> {
    const state = { isDone: false };
    const done = work.finally(() => (state.isDone = true));
    while (!state.isDone) {
      await quiet();
      this.#waiting.get(name)!.shift()?.();
    }
    await done;
  }

  /** Gives turns until both have ended. */
  async run(): Promise<void> {
    for (;;) {
      await quiet();
      const ready = (['a', 'b'] as const).filter((name) => this.#waiting.get(name)!.length > 0);
      if (ready.length === 0) {
        if (this.#ended.size === 2) return;
        continue; // somebody waits for time to pass
      }
      if (ready.length === 2 && this.#switches.includes(this.choices++)) this.#now = other(this.#now);
      if (!ready.includes(this.#now)) this.#now = ready[0]!;
      this.#waiting.get(this.#now)!.shift()!();
    }
  }
}

function other(name: Name): Name {
  return name === 'a' ? 'b' : 'a';
}

/** Resolves when nothing happens any more by itself: no system call is under way, and what they have set off has run. */
async function quiet(): Promise<void> {
  for (let still = 0; still < 3;) {
    await setImmediate();
    still = process.getActiveResourcesInfo().some((kind) => kind.startsWith('FSReq')) ? 0 : still + 1;
  }
}

interface Told {
  readonly acknowledged: Record<Name, string[]>;
  readonly hints: FsmHints[];
  readonly violations: string[];
  readonly codes: string[];
}

/** A primary's life: takes over unless it has, writes lines to its own file, syncs each. */
async function live(
  name: Name,
  primary: () => ReturnType<typeof takeOver>,
  lines: number,
  told: Told,
): Promise<void> {
  try {
    const { fs, recorder, session } = await primary();
    let isFenced = false;
    void recorder.broken.then(() => (isFenced = true));
    const file = await fs.open(`/${name}`, { create: true });
    try {
      for (let i = 0; i < lines; i++) {
        const line = `${name}${i};`;
        await file.append(utf8(line));
        await file.sync();
        told.acknowledged[name].push(line);
        if (isFenced) told.violations.push(`${line} was acknowledged by a recorder that knew it was fenced`);
      }
      told.hints.push(await recorder.buildHints());
    } finally {
      await file.close();
      session.abandon('its life is over');
    }
  } catch (error) {
    told.codes.push((error as { code: string }).code);
  }
}

interface Race {
  /** What each does; `a` has term 2, `b` has term 3. */
  readonly aIsPrimary: boolean;
  readonly first: Name;
  readonly switches: readonly number[];
}

/** Runs one order; how many choices there were in it. */
async function race({ aIsPrimary, first, switches }: Race, root: string): Promise<number> {
  const log = newLog();
  const before = await takeOver(log, join(root, 'before'), 1);
  const base = await before.fs.open('/base', { create: true });
  await base.append(utf8('from before'));
  await base.sync();
  await base.close();
  before.session.abandon('it is lost');
  await before.session.ended;
  const turns = new Turns(first, switches);
  const of = (name: Name): TestLog => ({
    ...log,
    journal: { ...log.journal, store: turns.store(name, log.store) },
  });
  const told: Told = { acknowledged: { a: [], b: [] }, hints: [], violations: [], codes: [] };
  const taking = takeOver(of('a'), join(root, 'a'), 2);
  taking.catch(() => undefined); // live() tells
  if (aIsPrimary) await turns.alone('a', taking);
  const lives = [
    live('a', () => taking, 2, told).finally(() => turns.end('a')),
    live('b', () => takeOver(of('b'), join(root, 'b'), 3), 1, told).finally(() => turns.end('b')),
  ];
  await Promise.all([...lives, turns.run()]);
  await check(log, told, root);
  return turns.choices;
}

async function check(log: TestLog, told: Told, root: string): Promise<void> {
  expect(told.violations).toEqual([]);
  for (const code of told.codes) expect(['RECORDER_BROKEN', 'STALE_TERM', 'FENCED']).toContain(code);
  await play(log, join(root, 'full'));
  const tree = await treeOf(join(root, 'full'));
  expect(tree['/base']).toBe('from before');
  for (const name of ['a', 'b'] as const)
    expect(tree[`/${name}`] ?? '').toMatch(new RegExp(`^${told.acknowledged[name].join('')}`));
  for (const [i, hints] of told.hints.entries()) {
    await play(log, join(root, `h${i}`), hints, true);
    expect(await treeOf(join(root, `h${i}`))).toEqual(tree);
  }
}

/** All orders with at most `bound` switches. Returns how many there were. */
async function explore(aIsPrimary: boolean, bound: number): Promise<number> {
  let orders = 0;
  for (const first of ['a', 'b'] as const) {
    const left: (readonly number[])[] = [[]];
    for (let switches = left.pop(); switches; switches = left.pop()) {
      const order = switches;
      const choices = await withTempDir(async (root) => {
        try {
          return await race({ aIsPrimary, first, switches: order }, root);
        } catch (error) {
          throw new Error(`order: ${first} first, switches at ${order.join()}`, { cause: error });
        }
      });
      orders++;
      if (order.length < bound)
        for (let next = (order.at(-1) ?? -1) + 1; next < choices; next++) left.push([...order, next]);
    }
  }
  return orders;
}

describe('two recorders over one log, at every order of their requests with few switches', () => {
  test('a primary that writes on while another takes over', async () => {
    expect(await explore(true, 3)).toBeGreaterThan(25);
  }, 120_000);

  test('two that take over at once', async () => {
    expect(await explore(false, 1)).toBeGreaterThan(20);
  }, 120_000);
});
