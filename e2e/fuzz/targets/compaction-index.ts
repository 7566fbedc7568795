/**
 * The compaction index, from a CHECKPOINT's payload or an object of its own: what is taken has no gap and comes back.
 */
import { utf8 } from '../../../src/base/index.ts';
import type { CompactionIndex } from '../../../src/journal/index.ts';
import {
  checkpointPayload,
  decodeCheckpoint,
  decodeIndex,
  encodeIndex,
  indexProblem,
} from '../../../src/journal/testing/index.ts';
import { equal, kindOf, tried, type Target } from '../target.ts';

const sha1 = (digit: string): string => digit.repeat(40);
const EMPTY: CompactionIndex = {
  floor: 3,
  end: 0,
  lastPutId: new Uint8Array(16).fill(9),
  fragments: [],
  pruned: [],
  fences: [],
  retired: [],
  reclaimed: 0,
  proof: undefined,
  deleted: false,
};
export const SAMPLE_INDEXES: readonly CompactionIndex[] = [
  EMPTY,
  {
    ...EMPTY,
    floor: 100,
    end: 300,
    reclaimed: 40,
    fragments: [
      { begin: 0, end: 100, sha1: sha1('a'), codec: 'raw', storedBytes: 100 },
      { begin: 200, end: 300, sha1: sha1('b'), codec: 'zstd', storedBytes: 31 },
    ],
    pruned: [{ begin: 100, end: 200 }],
    fences: [
      { seq: 0, offset: 0 },
      { seq: 50, offset: 250 },
    ],
    retired: [{ begin: 0, end: 50, sha1: sha1('c'), codec: 'gzip', storedBytes: 20 }],
    proof: 'why',
  },
  { ...EMPTY, deleted: true },
];
const LONG = checkpointPayload(
  encodeIndex({ ...EMPTY, proof: 'x'.repeat(40_000) }), // an object of its own, and a reference to it
  true,
);

export const compactionIndex: Target = {
  name: 'compaction-index',
  corpus: async () => [...SAMPLE_INDEXES.map(encodeIndex), LONG, utf8('{}')],
  check: (input) => {
    const content = tried(() => decodeCheckpoint(input, 'here'));
    const index = tried(() => decodeIndex(input, 'here'));
    if ('refused' in content) {
      equal('an index of a payload that is refused', 'refused' in index, true);
      return kindOf(content.refused).slice(0, 90);
    }
    if (content.value.kind === 'reference') return `reference ${content.value.deleted}`;
    if ('refused' in index) throw index.refused;
    equal('as an object', index.value, content.value.index);
    equal('what is wrong with it', indexProblem(index.value), undefined);
    equal('written and read again', decodeIndex(encodeIndex(index.value), 'here'), index.value);
    const { fragments, pruned, fences, retired, proof, deleted } = index.value;
    return (
      [fragments, pruned, fences, retired].map((list) => Math.min(list.length, 3)).join() +
      `${proof !== undefined} ${deleted}`
    );
  },
};
