import { expect, test } from '@jest/globals';
import { fromHex, toHex, utf8 } from '../../base/index.ts';
import { SigningHash } from './signing-hash.ts';

const MESSAGE = utf8('what do ya want for nothing?');
/** RFC 4231, test case 2. */
const SIGNED = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';

async function digestOf(hash: SigningHash): Promise<string> {
  hash.update(MESSAGE.subarray(0, 5));
  hash.update(MESSAGE.subarray(5));
  return toHex(await hash.digest());
}

test('signs as RFC 4231 says, whatever the form of the secret, and as often as it is asked', async () => {
  const bytes = utf8('Jefe');
  for (const secret of ['Jefe', bytes, bytes, bytes.buffer.slice(0, 4)])
    expect(await digestOf(new SigningHash(secret as string | Uint8Array))).toBe(SIGNED);
  const again = new SigningHash(bytes);
  await digestOf(again);
  again.reset();
  expect(await digestOf(again)).toBe(SIGNED);
});

test('without a secret it is SHA-256', async () => {
  const hash = new SigningHash();
  hash.update(utf8('abc'));
  expect(await hash.digest()).toEqual(
    Buffer.from(fromHex('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')),
  );
});
