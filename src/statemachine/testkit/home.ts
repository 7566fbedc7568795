/**
 * testkit/home: a recorded directory for a machine, on a log in memory: what it writes is recorded, and what a crash leaves can be had at any operation.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, systemClock as clock, systemRandom as random } from '../../base/index.ts';
import { JournalReader, openSession, START, type Journal } from '../../journal/index.ts';
import { Player, type TakenOver } from '../../recoverylog/index.ts';
import { openStore } from '../../store/index.ts';
import { cutsOf } from './cuts.ts';

const AUTHOR = 1;
/** Terms of the first primary and of the one that comes after a crash. */
const TERM = 1;
/** One append of a log that is made again, bytes. */
const PIECE_BYTES: number = 1024 * 1024;
/** A journal on a store in memory has nothing to wait for, ms. */
const FLUSH_MS = 1;

export class Home {
  readonly #journal: Journal;
  readonly #dir: string;
  readonly #player: Player;
  readonly #playing: Promise<void>;
  readonly #stop: AbortController;
  readonly #taken: TakenOver;

  private constructor(
    journal: Journal,
    dir: string,
    player: Player,
    playing: Promise<void>,
    stop: AbortController,
    taken: TakenOver,
  ) {
    this.#journal = journal;
    this.#dir = dir;
    this.#player = player;
    this.#playing = playing;
    this.#stop = stop;
    this.#taken = taken;
  }

  /** A primary of a log that begins with `content`; empty by default. */
  static async open(content: Uint8Array = new Uint8Array(0)): Promise<Home> {
    const journal: Journal = { store: openStore('memory:'), name: 'testkit/home', generation: 'g1' };
    if (content.length > 0) await fill(journal, content);
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-testkit-'));
    const stop = new AbortController();
    const player = new Player({ journal, hints: undefined, expectHistory: false, dir, clock, random });
    const playing = player.run(stop.signal);
    playing.catch(() => undefined); // the race below tells, or it was stopped
    try {
      await Promise.race([player.tailing, playing]);
      const session = { flushIntervalMs: FLUSH_MS };
      const taken = await player.handoff({ author: AUTHOR + 1, term: TERM + 1, session });
      return new Home(journal, dir, player, playing, stop, taken);
    } catch (error) {
      stop.abort(error);
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }

  get fs(): TakenOver['fs'] {
    return this.#taken.fs;
  }

  /** Local path of a recorded file. */
  localPath(path: string): string | undefined {
    return this.#player.live.resolve(path);
  }

  /** Log offset behind everything that was recorded, once it is durable. */
  async barrier(): Promise<number> {
    await this.fs.barrier();
    return this.#taken.recorder.end;
  }

  /** What the log has, and where a crash may cut it (cuts.ts). */
  async log(): Promise<{ readonly content: Uint8Array; readonly cuts: readonly number[] }> {
    await this.fs.barrier();
    const parts: Uint8Array[] = [];
    const reader = new JournalReader(this.#journal, { clock, random, from: 0 });
    for (;;) {
      const event = await reader.next();
      if (event.kind === 'tail') break;
      if (event.kind === 'data') parts.push(event.bytes.slice());
    }
    return { content: concatBytes(parts), cuts: await cutsOf(this.#journal) };
  }

  /** Ends the primary, and removes its directory. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the home is closed'));
    this.#taken.session.abandon('the home is closed');
    await this.#taken.session.close().catch(() => undefined); // it was abandoned
    await this.#playing.catch(() => undefined);
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** Makes an empty journal one that has this content. */
async function fill(journal: Journal, content: Uint8Array): Promise<void> {
  const session = await openSession(journal, { cursor: START, author: AUTHOR, term: TERM, clock, random });
  for (let at = 0; at < content.length; at += PIECE_BYTES) {
    session.append(content.subarray(at, at + PIECE_BYTES));
    await session.barrier();
  }
  await session.close();
}
