import { describe, expect, test } from '@jest/globals';
import { sha1Hex, ThreadSha1 } from './index.ts';

const bytes = (length: number, from: number): Uint8Array =>
  Uint8Array.from({ length }, (_, n) => (n * 31 + from) % 251);

describe('SHA-1 on a thread beside', () => {
  test('digests the pieces in the order in which they were given, several digests side by side', async () => {
    const pieces = [bytes(100_000, 1), bytes(7, 2), bytes(0, 0), bytes(300_000, 3)];
    const [one, other] = [new ThreadSha1(), new ThreadSha1()];
    const back = pieces.flatMap((piece) => [
      one.update(piece.slice()),
      other.update(piece.slice().reverse()),
    ]);
    const digests = await Promise.all([one.hex(), other.hex()]);
    expect(digests).toEqual([
      sha1Hex(Buffer.concat(pieces)),
      sha1Hex(Buffer.concat(pieces.map((piece) => piece.slice().reverse()))),
    ]);
    const returned = await Promise.all(back);
    expect(returned.filter((_, n) => n % 2 === 0).map(sha1Hex)).toEqual(pieces.map(sha1Hex));
  });

  test('moves memory that is the whole of its buffer, and leaves memory alone that others share', async () => {
    const digest = new ThreadSha1();
    const whole = bytes(5000, 4);
    const shared = bytes(5000, 5);
    const [moved, copied] = [digest.update(whole), digest.update(shared.subarray(1000, 2000))];
    expect(whole.length).toBe(0);
    expect(await moved).toEqual(bytes(5000, 4));
    expect(await copied).toEqual(bytes(5000, 5).subarray(1000, 2000));
    expect(shared).toEqual(bytes(5000, 5));
    expect(await digest.hex()).toBe(
      sha1Hex(Buffer.concat([bytes(5000, 4), bytes(5000, 5).subarray(1000, 2000)])),
    );
  });

  test('the digest of nothing is that of no bytes', async () => {
    expect(await new ThreadSha1().hex()).toBe(sha1Hex(new Uint8Array()));
  });
});
