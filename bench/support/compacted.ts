/**
 * A compacted journal made for reading: fragments as they lie in a store, named by Gazette's rules, content that nothing can compress.
 */
import { sha1Hex, systemRandom } from '../../src/base/index.ts';
import type { ObjectStore } from '../../src/store/index.ts';

const FRAGMENT_BYTES = 64 * 1024 * 1024;
const NAME = 'bench/read-throughput';

export interface Fragment {
  readonly key: string;
  /** Content bytes [begin, end) of the journal. */
  readonly begin: number;
  readonly end: number;
  readonly sha1: string;
}

export interface CompactedJournal {
  readonly name: string;
  readonly generation: string;
  readonly bytes: number;
  /** In order, without a gap. */
  readonly fragments: readonly Fragment[];
}

/** Key of a fragment: `<journal>/<begin>-<end>-<sha1>.raw`, offsets in 16 hex digits. */
export function fragmentKey(name: string, { begin, end, sha1 }: Omit<Fragment, 'key'>): string {
  const hex = (offset: number): string => offset.toString(16).padStart(16, '0');
  return `${name}/${hex(begin)}-${hex(end)}-${sha1}.raw`;
}

/** Lays `bytes` of content into the store as fragments of 64 MiB (the last one shorter). */
export async function compactedJournal(store: ObjectStore, bytes: number): Promise<CompactedJournal> {
  const fragments: Fragment[] = [];
  for (let begin = 0; begin < bytes; begin += FRAGMENT_BYTES) {
    const end = Math.min(begin + FRAGMENT_BYTES, bytes);
    const content = systemRandom.bytes(end - begin);
    const range = { begin, end, sha1: sha1Hex(content) };
    const key = fragmentKey(NAME, range);
    const outcome = await store.create(key, content);
    if (outcome.kind !== 'created') throw new Error(`a create of a fragment came to ${outcome.kind}`);
    fragments.push({ key, ...range });
  }
  return { name: NAME, generation: 'g1', bytes, fragments };
}
