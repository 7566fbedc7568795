/**
 * Draining a response: into one buffer of the announced length, with a watch on standstill.
 *
 * B1  A body shorter or longer than announced is an error, never a result.
 * B2  A transfer that makes no progress for STALL_MS is given up; one that moves may take as long as it needs.
 */
import type { Readable } from 'node:stream';
import { concatBytes, type Clock } from '../../base/index.ts';
import { StoreError } from '../errors.ts';
import { ObjectBody } from './object-body.ts';

/** No byte for this long means a dead connection, not a slow one. */
const STALL_MS = 10_000;

/** Reads `body` to its end. `expected`: announced bytes, when announced. @throws StoreError STORE_BAD_RESPONSE or STORE_TIMEOUT. */
export async function readBody(
  body: Readable,
  expected: number | undefined,
  clock: Clock,
): Promise<Uint8Array> {
  if (body instanceof ObjectBody && body.whole) return await collected(body, body.whole, expected, clock);
  const whole = expected === undefined ? undefined : new Uint8Array(expected);
  const parts: Uint8Array[] = [];
  let received = 0;
  const stopWatch = watchProgress(body, () => received, clock);
  try {
    await new Promise<void>((resolve, reject) => {
      body.on('data', (chunk: Uint8Array) => {
        const at = received;
        received += chunk.length;
        if (!whole) parts.push(chunk);
        else if (received <= whole.length) whole.set(chunk, at);
        else body.destroy(wrongLength(received, whole.length)); // B1
      });
      body.once('end', resolve);
      body.once('error', reject);
      body.once('close', () => reject(wrongLength(received, expected))); // no news when the end came before
    });
  } finally {
    stopWatch();
  }
  if (whole && received !== whole.length) throw wrongLength(received, whole.length);
  return whole ?? concatBytes(parts);
}

/** A body that collects itself (object-body.ts). */
async function collected(
  body: ObjectBody,
  whole: Promise<Uint8Array>,
  expected: number | undefined,
  clock: Clock,
): Promise<Uint8Array> {
  const stopWatch = watchProgress(body, () => body.received, clock);
  try {
    const bytes = await whole;
    if (expected !== undefined && body.received !== expected) throw wrongLength(body.received, expected); // B1
    return bytes;
  } finally {
    stopWatch();
  }
}

/** Destroys the body when `received` stands still (B2). Returns what ends the watch. */
function watchProgress(body: Readable, received: () => number, clock: Clock): () => void {
  let seen = -1;
  let timer = clock.timer(STALL_MS, look);
  function look(): void {
    if (received() === seen) {
      body.destroy(
        new StoreError(
          'STORE_TIMEOUT',
          `The store sent nothing for ${STALL_MS} ms in the middle of an object.`,
          {
            retryable: true,
            fields: { received: received() },
          },
        ),
      );
      return;
    }
    seen = received();
    timer = clock.timer(STALL_MS, look);
  }
  return () => timer.cancel();
}

/** A body whose length is not the announced one (B1). */
export function wrongLength(received: number, expected: number | undefined): StoreError {
  return new StoreError(
    'STORE_BAD_RESPONSE',
    `The store sent ${received} bytes where it announced ${expected ?? 'more'}; the connection or a proxy cut the answer.`,
    { retryable: true, fields: { received, expected } },
  );
}
