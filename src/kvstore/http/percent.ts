/**
 * Percent-encoding of bytes, which any key can be.
 *
 * P1  What percentEncode gives comes back from percentDecode byte for byte, from a path and from a query alike.
 */

/** Characters that stand for themselves, all of them: nothing to decode. */
const PLAIN = /^[!-$&-~]*$/;

/** Decodes percent-encoding to bytes. Undefined for a bad escape or a character that had to be escaped. */
export function percentDecode(text: string, plusIsSpace: boolean): Uint8Array | undefined {
  if (PLAIN.test(text) && !(plusIsSpace && text.includes('+'))) {
    const plain = Buffer.from(text, 'latin1');
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.length);
  }
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x25) {
      const hex = text.slice(i + 1, i + 3);
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) return undefined;
      bytes[length++] = Number.parseInt(hex, 16);
      i += 2;
    } else {
      if (code > 0x7e || code <= 0x20) return undefined;
      bytes[length++] = code === 0x2b && plusIsSpace ? 0x20 : code;
    }
  }
  return bytes.subarray(0, length);
}

/** Encodes bytes (P1). */
export function percentEncode(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += ENCODED[byte]!;
  return text;
}

/** Byte -> its text. */
const ENCODED: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9._~-]/.test(character)
    ? character
    : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
});
