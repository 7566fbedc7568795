/**
 * Logs that end early: what a crash leaves, at any byte.
 */
import { concatBytes, systemClock as clock } from '../../base/index.ts';
import { seededRandom } from '../../base/testing/index.ts';
import { openSession, START } from '../../journal/index.ts';
import { lastSlots } from '../../journal/testing/index.ts';
import { openStore } from '../../store/index.ts';
import { FrameReader } from '../format/frame.ts';
import type { PlainLog, TestLog } from './test-log.ts';

const AUTHOR = 7;
const PIECE_BYTES = 1024 * 1024;

/** The whole content of a log. */
export async function contentOf(log: TestLog): Promise<Uint8Array> {
  const { events } = await lastSlots(log);
  return concatBytes(events.flatMap((event) => (event.kind === 'data' ? [event.bytes] : [])));
}

/** Where its operations end, ascending; the first is 0, where none has begun. */
export function operationEnds(content: Uint8Array): number[] {
  const frames = new FrameReader('a/log', 0);
  frames.push(content);
  const ends = [0];
  for (let frame = frames.next(); frame; frame = frames.next()) ends.push(frame.lastOffset);
  return ends;
}

/** A log of the first `length` bytes of another one's content. */
export async function cutLog(content: Uint8Array, length: number): Promise<PlainLog> {
  const random = seededRandom(length);
  const journal = { store: openStore('memory:'), name: 'test/journal', generation: 'g1' };
  const session = await openSession(journal, { cursor: START, author: AUTHOR, term: 1, clock, random });
  for (let at = 0; at < length; at += PIECE_BYTES)
    session.append(content.subarray(at, Math.min(length, at + PIECE_BYTES)));
  await session.close();
  return { journal, clock, random };
}
