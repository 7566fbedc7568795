/**
 * The bytes of an object to be created: in one piece, or in several that follow each other.
 *
 * Large objects come in pieces, so that whoever made them piece by piece never holds them twice: an adapter writes or sends the pieces in their
 * order and puts them together nowhere.
 */

/** The pieces may have any length, none included. */
export type Body = Uint8Array | readonly Uint8Array[];

export function piecesOf(body: Body): readonly Uint8Array[] {
  return ArrayBuffer.isView(body) ? [body] : body;
}

/** Bytes of all pieces. */
export function lengthOf(body: Body): number {
  return piecesOf(body).reduce((sum, { length }) => sum + length, 0);
}

/** All bytes in one piece of their own. */
export function copyOf(body: Body): Uint8Array {
  const whole = new Uint8Array(lengthOf(body));
  let at = 0;
  for (const piece of piecesOf(body)) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
