/**
 * fragments/: names, keys, labels, and objects in every codec that Gazette stores them in.
 */
import { posix } from 'node:path';
import { z } from 'zod';
import { sha1Hex, toHex } from '../../src/base/index.ts';
import {
  gazetteContent,
  isJournalName,
  labelSet,
  openSession,
  parseGazetteName,
  storeKey,
  type GazetteCodec,
} from '../../src/journal/index.ts';
import {
  fragmentName,
  gazetteName,
  gazettePath,
  lastSlots,
  realTimeJournal,
  sumParts,
} from '../../src/journal/testing/index.ts';
import type { Category } from './category.ts';
import { hex, int64, u32 } from './forms.ts';
import { errorOf, refusesRange, same } from './tally.ts';

/** By Gazette's number. */
const CODECS: readonly (GazetteCodec | undefined)[] = [
  undefined,
  'raw',
  'gzip',
  'zstd',
  'snappy',
  'gzip-offload',
];
const OTHER_SHA1 = 'f'.repeat(40);
const OUT_OF_RANGE = 'offset beyond 2^53-1 or below 0: typed error';

const inRange = (...offsets: readonly bigint[]): boolean =>
  offsets.every((offset) => offset >= 0n && offset <= BigInt(Number.MAX_SAFE_INTEGER));

function codecOf(number: number): GazetteCodec {
  const codec = CODECS[number];
  if (codec === undefined) throw new Error(`codec ${number} has no name here`);
  return codec;
}

const namingForm = z.strictObject({
  begin: int64,
  end: int64,
  codec: z.int(),
  codecName: z.string(),
  contentLength: int64,
  contentName: z.string(),
  contentPath: z.string(),
  journal: z.string(),
  postfix: z.string(),
  sumHex: z.string(),
  sumParts: z.tuple([int64, int64, int64]),
  validateError: z.string().nullable(),
});

export const fragmentNaming: Category = {
  name: 'fragments naming',
  run: (source, tally) =>
    source.eachRow('fragments/naming.jsonl', namingForm, tally, async (row) => {
      const { begin, end, sumHex: sha1, postfix, journal } = row;
      const fragment = { begin: Number(begin), end: Number(end), sha1, codec: codecOf(row.codec), postfix };
      same('parts of the digest', sumParts(sha1).map(BigInt), row.sumParts);
      same('length', end - begin, row.contentLength);
      if (!inRange(begin, end)) {
        await refusesRange(() => gazetteName(fragment));
        tally.differs(OUT_OF_RANGE);
        return;
      }
      same('name', gazetteName(fragment), row.contentName);
      same('path', gazettePath(journal, fragment), row.contentPath);
      const { codec } = fragment;
      if (codec === 'raw' || codec === 'gzip' || codec === 'zstd')
        same('name as we write it', fragmentName({ ...fragment, codec }), row.contentName);
      if (row.validateError === null)
        same('read back', parseGazetteName(posix.join(postfix, row.contentName)), fragment);
      if (begin > end || !isJournalName(journal.replaceAll(/[=%]/g, '-')))
        same('refused by Validate', row.validateError !== null, true);
    }),
};

const parseForm = z.union([
  z.strictObject({
    journal: z.string(),
    name: z.string(),
    note: z.string(),
    error: z.string(),
    panic: z.string().optional(),
  }),
  z.strictObject({
    journal: z.string(),
    name: z.string(),
    note: z.string(),
    error: z.null(),
    begin: int64,
    end: int64,
    codec: z.int(),
    postfix: z.string(),
    sumHex: z.string(),
    contentName: z.string(),
    contentPath: z.string(),
  }),
]);

export const fragmentParse: Category = {
  name: 'fragments parse',
  run: (source, tally) =>
    source.eachRow('fragments/parse.jsonl', parseForm, tally, async (row) => {
      if (row.error !== null) {
        same('parsed', parseGazetteName(row.name), undefined);
        return;
      }
      if (!inRange(row.begin, row.end)) {
        await refusesRange(() => parseGazetteName(row.name));
        tally.differs(OUT_OF_RANGE);
        return;
      }
      const { postfix, sumHex: sha1 } = row;
      const fragment = {
        begin: Number(row.begin),
        end: Number(row.end),
        sha1,
        codec: codecOf(row.codec),
        postfix,
      };
      same('parsed', parseGazetteName(row.name), fragment);
      same('name', gazetteName(fragment), row.contentName);
      same('path', gazettePath(row.journal, fragment), row.contentPath);
    }),
};

const rewriteForm = z.strictObject({
  storePath: z.string(),
  contentPath: z.string(),
  find: z.string(),
  replace: z.string(),
  result: z.string(),
});

export const storePathRewrite: Category = {
  name: 'fragments store-path-rewrite',
  run: (source, tally) =>
    source.eachRow('fragments/store-path-rewrite.jsonl', rewriteForm, tally, (row) => {
      same('key', storeKey(row.storePath, row.contentPath, row.find, row.replace), row.result);
    }),
};

const authorForm = z.strictObject({ author: u32, name: z.string(), value: z.string(), labelSetPbHex: hex });

/** The register is that of a journal that a session of this author was opened on. */
export const authorFence: Category = {
  name: 'fragments author-fence',
  run: (source, tally) =>
    source.eachRow(
      'fragments/author-fence.jsonl',
      authorForm,
      tally,
      async ({ author, name, value, labelSetPbHex }) => {
        const calm = realTimeJournal('author/fence');
        const { journal, clock, random } = calm;
        const { cursor } = (await lastSlots(calm)).reader;
        const session = await openSession(journal, { cursor, author, term: 1, clock, random });
        const registers = (await lastSlots(calm)).reader.cursor.registers;
        session.abandon('the register has been read');
        same('register', registers[name], value);
        same('label set', toHex(labelSet({ [name]: registers[name]! })), toHex(labelSetPbHex));
      },
    ),
};

const codecForm = z.strictObject({
  codec: z.int(),
  codecName: z.string(),
  contentLength: z.int().min(0),
  file: z.string(),
  goReadError: z.string().nullable(),
  goReadsBack: z.boolean(),
  members: z.int(),
  objectLength: z.int(),
  sha1: z.string(),
});

export const fragmentCodecs: Category = {
  name: 'fragments codecs',
  run: (source, tally) =>
    source.eachRow('fragments/codecs/index.jsonl', codecForm, tally, async (row) => {
      const stored = await source.bytes(`fragments/codecs/${row.file}`);
      same('length of the object', stored.length, row.objectLength);
      const fragment = { begin: 0, end: row.contentLength, sha1: row.sha1, codec: codecOf(row.codec) };
      const content = await gazetteContent(fragment, stored);
      same('length', content.length, row.contentLength);
      same('digest', sha1Hex(content), row.sha1);
      // A store that inflates by itself gives the content; both must be read.
      if (fragment.codec === 'gzip-offload')
        same('as a store inflates it', sha1Hex(await gazetteContent(fragment, content)), row.sha1);
      // Nothing that was cut is taken, nor is other content than the digest's.
      if (stored.length > 0) await errorOf(() => gazetteContent(fragment, stored.subarray(0, -1)));
      await errorOf(() => gazetteContent({ ...fragment, sha1: OTHER_SHA1 }, stored));
    }),
};
