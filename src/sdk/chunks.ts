/**
 * A snapshot in one piece, for states that are small.
 */
import { concatBytes } from '../base/index.ts';

export async function bytesOfChunks(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk.slice()); // the next one may come in the same memory
  return concatBytes(all);
}
