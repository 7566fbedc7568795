/**
 * Fragments as Gazette's brokers may have stored them (gazette.md §6): more codecs than are written here, names with a postfix, keys under a rewritten
 * path. Reading only; fragment.ts has what is written.
 *
 * Z1  A name is taken exactly when Gazette takes it: short and upper-case hex digits, an empty range, other extensions in any letter case.
 * Z2  Content is given out after its digest was compared (fragment.ts G2), which Gazette's readers do not do.
 */
import { posix } from 'node:path';
import { EMPTY_BYTES, positionFromBigInt, sha1Hex } from '../../base/index.ts';
import { decompress, CodecError, type Codec } from './codec.ts';
import { decompressSnappy } from './snappy.ts';

/** `gzip-offload`: gzip, which the store is expected to inflate; some do, others give the bytes as they are. */
export type GazetteCodec = Codec | 'snappy' | 'gzip-offload';

export interface GazetteFragment {
  /** Content bytes [begin, end); may be empty. */
  readonly begin: number;
  readonly end: number;
  /** Of the uncompressed content, 40 lower-case hex digits; all zero for an empty one. */
  readonly sha1: string;
  readonly codec: GazetteCodec;
  /** What stands between the journal's name and the fragment's: `utc_date=2026-01-01`, or nothing. */
  readonly postfix: string;
}

/** First of each: what Gazette writes. */
const EXTENSIONS: Readonly<Record<GazetteCodec, readonly string[]>> = {
  raw: ['.raw'],
  gzip: ['.gz', '.gzip'],
  zstd: ['.zst', '.zstandard'],
  snappy: ['.sz', '.snappy'],
  'gzip-offload': ['', '.gzod'],
};
const CODECS: ReadonlyMap<string, GazetteCodec> = new Map(
  (Object.keys(EXTENSIONS) as GazetteCodec[]).flatMap((codec) =>
    EXTENSIONS[codec].map((extension) => [extension, codec] as const),
  ),
);
/** Letters, digits and -_+/.=% in clean parts; `..` passes, as it does there. */
const POSTFIX = /^[\p{L}\p{N}_+.=%-]+(?:\/[\p{L}\p{N}_+.=%-]+)*$/u;
const NAME = /^\+?([0-9a-f]+)-\+?([0-9a-f]+)-([0-9a-f]{40})$/i;
const MAX_INT64 = 2n ** 63n - 1n;
const NO_CONTENT_SHA1 = sha1Hex(EMPTY_BYTES);
const ZERO_SHA1 = '0'.repeat(40);

/** The fragment's name without the journal's and the postfix (Gazette's ContentName). @throws PositionError */
export function gazetteName({ begin, end, sha1, codec }: Omit<GazetteFragment, 'postfix'>): string {
  const hex = (what: string, position: number): string =>
    positionFromBigInt(what, BigInt(position)).toString(16).padStart(16, '0');
  return `${hex('begin', begin)}-${hex('end', end)}-${sha1}${EXTENSIONS[codec][0]}`;
}

/** Its whole name below the store's path (Gazette's ContentPath). @throws PositionError */
export function gazettePath(journal: string, fragment: GazetteFragment): string {
  return posix.join(journal, fragment.postfix, gazetteName(fragment));
}

/**
 * The fragment that an object below `<journal>/` is, by its name from there on; undefined when it is none (Z1).
 * @throws PositionError for one that Gazette can hold and this program cannot
 */
export function parseGazetteName(name: string): GazetteFragment | undefined {
  const folder = posix.dirname(name);
  const postfix = folder === '.' ? '' : folder;
  if (postfix !== '' && !POSTFIX.test(postfix)) return undefined;
  const base = postfix === '' ? name : name.slice(postfix.length + 1);
  const dot = base.lastIndexOf('.');
  const stem = dot < 0 ? base : base.slice(0, dot);
  const codec = CODECS.get((dot < 0 ? '' : base.slice(dot)).toLowerCase());
  const [, first, last, sum] = NAME.exec(stem) ?? [];
  if (codec === undefined || first === undefined || last === undefined || sum === undefined) return undefined;
  const [begin, end] = [BigInt(`0x${first}`), BigInt(`0x${last}`)];
  if (begin > end || end > MAX_INT64) return undefined;
  return {
    begin: positionFromBigInt('begin', begin),
    end: positionFromBigInt('end', end),
    sha1: sum.toLowerCase(),
    codec,
    postfix,
  };
}

/** The key of an object in a store whose URL has `find` and `replace`: the first occurrence below the store's path is rewritten (gazette.md §6.3). */
export function storeKey(storePath: string, contentPath: string, find: string, replace: string): string {
  const rewritten = find === '' ? contentPath : contentPath.replace(find, () => replace);
  return storePath + rewritten;
}

/** A digest as the three numbers of Gazette's SHA1Sum message: big-endian parts of 8, 8 and 4 bytes. */
export function sumParts(sha1: string): readonly [bigint, bigint, number] {
  const part = (from: number, to: number): bigint => BigInt(`0x${sha1.slice(from, to)}`);
  return [part(0, 16), part(16, 32), Number(part(32, 40))];
}

/** The content of a fragment from the bytes of its object (Z2). @throws CodecError */
export async function gazetteContent(
  fragment: Pick<GazetteFragment, 'begin' | 'end' | 'sha1' | 'codec'>,
  stored: Uint8Array,
): Promise<Uint8Array> {
  const { codec, sha1 } = fragment;
  const length = fragment.end - fragment.begin;
  const wanted = length === 0 && sha1 === ZERO_SHA1 ? NO_CONTENT_SHA1 : sha1;
  if (codec === 'gzip-offload' && stored.length === length && sha1Hex(stored) === wanted) return stored;
  const content =
    codec === 'snappy'
      ? await decompressSnappy(stored, length)
      : await decompress(codec === 'gzip-offload' ? 'gzip' : codec, stored, length);
  const found = sha1Hex(content);
  if (found !== wanted) throw new CodecError(codec, `content of digest ${found}, the name says ${sha1}`);
  return content;
}
