/**
 * Fragments: compacted spans of content, one object each, named as Gazette names them (gazette.md §6.1).
 *
 *   <journal>/<begin, 16 hex>-<end, 16 hex>-<SHA-1 of the content, 40 hex><.raw | .gz | .zst>
 *
 * G1  The name says everything: range, digest of the uncompressed content, codec.
 * G2  Nothing of a fragment is believed before the digest of its whole content was compared: neither on writing nor on any read.
 */
import { checkPosition } from '../../base/index.ts';
import type { Codec } from './codec.ts';
import type { Journal } from '../names.ts';

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

const NAME = /^([0-9a-f]{16})-([0-9a-f]{16})-[0-9a-f]{40}\.(?:raw|gz|zst)$/;

/** The content range of a key that is a fragment's of this journal; undefined for any other, also for those of journals below its name. */
export function fragmentRange(
  journal: Journal,
  key: string,
): { readonly begin: number; readonly end: number } | undefined {
  const prefix = fragmentPrefix(journal);
  const [, first, last] = (key.startsWith(prefix) && NAME.exec(key.slice(prefix.length))) || [];
  const [begin, end] = [Number.parseInt(first ?? '', 16), Number.parseInt(last ?? '', 16)];
  return Number.isSafeInteger(begin) && Number.isSafeInteger(end) && begin < end ? { begin, end } : undefined;
}
