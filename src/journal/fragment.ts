/**
 * Fragments: compacted spans of content, one object each, named as Gazette names them (gazette.md §6.1).
 *
 *   <journal>/<begin, 16 hex>-<end, 16 hex>-<SHA-1 of the content, 40 hex><.raw | .gz | .zst>
 *
 * G1  The name says everything: range, digest of the uncompressed content, codec. A name that is not exactly so is a stranger's.
 * G2  Nothing of a fragment is believed before the digest of its whole content was compared: neither on writing nor on any read.
 */
import { checkPosition } from '../base/index.ts';
import type { Codec } from './codec.ts';
import type { Journal } from './names.ts';

export interface Fragment {
  /** Content bytes [begin, end), begin < end. */
  readonly begin: number;
  readonly end: number;
  /** Of the uncompressed content, 40 hex digits. */
  readonly sha1: string;
  readonly codec: Codec;
  /** Bytes of the object. */
  readonly storedBytes: number;
}

/** Most content of one fragment, bytes: long enough for ranges of 8 MiB in parallel, short enough that pruning frees space (s3log.md §6.7). */
export const MAX_FRAGMENT_BYTES: number = 64 * 1024 * 1024;

const EXTENSIONS: Readonly<Record<Codec, string>> = { raw: '.raw', gzip: '.gz', zstd: '.zst' };
const NAME = /^([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{40})(\.raw|\.gz|\.zst)$/;

/** The name without the journal's, as Gazette's ContentName. */
export function fragmentName({ begin, end, sha1, codec }: Omit<Fragment, 'storedBytes'>): string {
  const hex = (position: number): string => checkPosition('offset', position).toString(16).padStart(16, '0');
  return `${hex(begin)}-${hex(end)}-${sha1}${EXTENSIONS[codec]}`;
}

export function fragmentPrefix(journal: Journal): string {
  return `${journal.name}/`;
}

export function fragmentKey(journal: Journal, fragment: Omit<Fragment, 'storedBytes'>): string {
  return fragmentPrefix(journal) + fragmentName(fragment);
}

/** What a name says; undefined for one that is not exactly a fragment's (G1), or whose range is empty or no position. */
export function parseFragmentName(name: string): Omit<Fragment, 'storedBytes'> | undefined {
  const match = NAME.exec(name);
  if (!match) return undefined;
  const [begin, end] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)];
  if (!Number.isSafeInteger(end) || begin >= end) return undefined;
  const codec = (Object.keys(EXTENSIONS) as Codec[]).find((each) => EXTENSIONS[each] === match[4])!;
  return { begin, end, sha1: match[3]!, codec };
}
