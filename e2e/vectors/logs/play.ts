/**
 * One playback by the real player: on journals of ours that hold the golden bytes, into a real directory, up to the head or through a handoff.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, crc32c, HoldfastError, sha256Hex } from '../../../src/base/index.ts';
import { openSession, type Session } from '../../../src/journal/index.ts';
import { lastSlots } from '../../../src/journal/testing/index.ts';
import {
  decodeOp,
  FRAME_HEADER_BYTES,
  newLog,
  parseHints,
  Player,
  type FsmHints,
  type TestLog,
} from '../../../src/recoverylog/testing/index.ts';
import { coalesced, coalescedHints, stateOf, type LogState } from '../state.ts';
import type { Scenario } from './scenario.ts';

export interface PlayedFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  /** Names that the file has. */
  readonly links: number;
}

export type Played =
  | {
      readonly kind: 'refused';
      readonly error: HoldfastError;
      /** Names beside the directory that it was played into. */
      readonly outside: readonly string[];
    }
  | {
      readonly kind: 'played';
      /** Ascending by path. */
      readonly files: readonly PlayedFile[];
      readonly state: LogState;
      readonly hints: FsmHints;
      /** What a handoff appended. */
      readonly appended: Uint8Array;
      readonly outside: readonly string[];
    };

export interface Asked {
  /** The journal that is played. */
  readonly log: string;
  /** A stored value; undefined: no hints. */
  readonly hints: Uint8Array | undefined;
  readonly ends: Readonly<Record<string, number>>;
  readonly handoff?:
    | {
        readonly author: number;
        /** What another writer appends when the player has come to the tail, and before it takes over. */
        readonly raced: Uint8Array;
      }
    | undefined;
}

/** Recorded by whoever had the log before. */
const OLD_AUTHOR = 9;
const APPEND_BYTES: number = 1024 * 1024;

/** A journal of ours with this content, and the session that still holds it. */
async function journalOf(name: string, content: Uint8Array): Promise<{ log: TestLog; session: Session }> {
  const log = newLog(name);
  const { reader } = await lastSlots(log);
  const { journal, clock, random } = log;
  const session = await openSession(journal, {
    cursor: reader.cursor,
    author: OLD_AUTHOR,
    term: 1,
    clock,
    random,
  });
  for (let at = 0; at < content.length; at += APPEND_BYTES)
    session.append(content.subarray(at, at + APPEND_BYTES));
  await session.barrier();
  return { log, session };
}

/** Plays as asked; an error with a type is an outcome, any other is thrown. */
export async function play(scenario: Scenario, asked: Asked): Promise<Played> {
  const logs = new Map<string, { log: TestLog; session: Session }>();
  for (const { name, content } of scenario.journals)
    logs.set(name, await journalOf(name, content.subarray(0, asked.ends[name] ?? 0)));
  const around = await mkdtemp(join(tmpdir(), 'holdfast-vectors-'));
  const dir = join(around, 'a', 'play');
  try {
    await mkdir(dir, { recursive: true });
    return await playInto(dir, logs, asked, async () => [
      ...(await readdir(around)).filter((name) => name !== 'a'),
      ...(await readdir(join(around, 'a'))).filter((name) => name !== 'play'),
    ]);
  } finally {
    for (const { session } of logs.values()) session.abandon('the playback is over');
    await rm(around, { recursive: true, force: true });
  }
}

async function playInto(
  dir: string,
  logs: ReadonlyMap<string, { log: TestLog; session: Session }>,
  asked: Asked,
  outside: () => Promise<readonly string[]>,
): Promise<Played> {
  const held = logs.get(asked.log);
  if (!held) throw new Error(`the scenario has no journal ${asked.log}`);
  const { journal, clock, random } = held.log;
  try {
    const hints = asked.hints && parseHints(asked.hints);
    const openLog = (name: string): TestLog['journal'] => logs.get(name)!.log.journal;
    const player = new Player({ journal, hints, expectHistory: false, dir, clock, random, openLog });
    const running = player.run();
    const outcome = asked.handoff
      ? await takenOver(player, running, held, asked.handoff)
      : await finished(player, running, asked.log);
    return { kind: 'played', files: await filesOf(dir), ...outcome, outside: await outside() };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return { kind: 'refused', error, outside: await outside() };
  }
}

type Outcome = Pick<Extract<Played, { kind: 'played' }>, 'state' | 'hints' | 'appended'>;

async function finished(player: Player, running: Promise<void>, log: string): Promise<Outcome> {
  running.catch(() => undefined); // finish tells
  const fsm = await player.finish();
  return {
    state: coalesced(stateOf(fsm)),
    hints: coalescedHints(fsm.buildHints(log)),
    appended: new Uint8Array(0),
  };
}

async function takenOver(
  player: Player,
  running: Promise<void>,
  { log, session: old }: { log: TestLog; session: Session },
  { author, raced }: NonNullable<Asked['handoff']>,
): Promise<Outcome> {
  await Promise.race([player.tailing, running]);
  const { length } = await contentOf(log);
  if (raced.length > 0) await old.append(raced, { barrier: true }).committed;
  const { recorder, session } = await player.handoff({ author, term: 2 });
  try {
    const built = await recorder.buildHints();
    const hints = coalescedHints(built);
    const appended = (await contentOf(log)).subarray(length);
    const payload = appended.subarray(raced.length + FRAME_HEADER_BYTES);
    const nodes = hints.liveNodes.map(({ fnode, segments }) => ({
      fnode,
      segments: segments.map((segment) => ({
        ...segment,
        log: segment.log === '' ? hints.log : segment.log,
      })),
    }));
    return {
      hints,
      appended,
      state: {
        nextSeqNo: recorder.nextSeqNo,
        nextChecksum: crc32c(payload, decodeOp(payload).checksum), // a recorder keeps it to itself; the next operation would carry it
        lastLog: recorder.log,
        hinted: [0, 0],
        properties: new Map(hints.properties.map(({ path, content }) => [path, content])),
        links: recorder.links,
        nodes,
      },
    };
  } finally {
    session.abandon('the playback is over');
  }
}

async function contentOf(log: TestLog): Promise<Uint8Array> {
  const { events } = await lastSlots(log);
  return concatBytes(events.flatMap((event) => (event.kind === 'data' ? [event.bytes] : [])));
}

async function filesOf(dir: string): Promise<PlayedFile[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files: PlayedFile[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const [content, { nlink }] = await Promise.all([readFile(path), stat(path)]);
    files.push({
      path: path.slice(dir.length),
      size: content.length,
      sha256: sha256Hex(content),
      links: nlink,
    });
  }
  return inOrder(files);
}

/** Ascending by the bytes of the path. */
export function inOrder<T extends { readonly path: string }>(files: readonly T[]): T[] {
  return [...files].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}
