/**
 * Byte strings as map keys: one character a byte (Latin-1).
 *
 * B1  Order by UTF-16 code unit equals order by unsigned byte, because every unit is 0..255: the map's `<` is the order the API promises.
 * B2  A key string is a copy: it never pins or aliases the log entry or request it came from.
 */

export function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

export function bytesOf(key: string): Uint8Array {
  return new Uint8Array(Buffer.from(key, 'latin1'));
}
