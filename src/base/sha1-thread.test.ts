import { describe, expect, test } from '@jest/globals';
import { areShared, sha1Hex, sha1HexOf, ThreadSha1 } from './index.ts';

function bytes(length: number, from: number): Uint8Array {
  const made = new Uint8Array(new SharedArrayBuffer(length));
  for (let n = 0; n < made.length; n++) made[n] = (n * 31 + from) % 251;
  return made;
}

describe('SHA-1 on a thread beside', () => {
  test('digests the pieces in the order in which they were given, several digests side by side', async () => {
    const part = Buffer.from('what is only a part of its memory');
    const pieces = [
      bytes(100_000, 1),
      bytes(7, 2),
      bytes(0, 0),
      bytes(300_000, 3).subarray(1000, 2000),
      part,
    ];
    const [one, other] = [new ThreadSha1(), new ThreadSha1()];
    for (const [n, piece] of pieces.entries()) {
      one.update(piece);
      other.update(pieces.at(-1 - n)!);
    }
    expect(await Promise.all([one.hex(), other.hex()])).toEqual([
      sha1Hex(Buffer.concat(pieces)),
      sha1Hex(Buffer.concat(pieces.toReversed())),
    ]);
  });

  test('one that nobody wants any more disturbs none', async () => {
    const [one, other] = [new ThreadSha1(), new ThreadSha1()];
    one.update(bytes(10, 1));
    other.update(bytes(10, 2));
    one.abandon();
    expect(await other.hex()).toBe(sha1Hex(bytes(10, 2)));
  });

  test('the digest of nothing is that of no bytes', async () => {
    expect(await new ThreadSha1().hex()).toBe(sha1Hex(new Uint8Array()));
  });

  test('is where large memory that threads share is digested', async () => {
    const [shared, own] = [bytes(300_000, 5), Uint8Array.from(bytes(300_000, 5))];
    expect([areShared(shared), areShared(own)]).toEqual([true, false]);
    expect(await sha1HexOf(shared)).toBe(await sha1HexOf(own));
  });
});
