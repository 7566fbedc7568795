import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { utf8 } from '../base/index.ts';
import { recoverylog as pb } from './gen/recoverylog.js';
import { decodeOp, encodeOp, type RecordedOp } from './format/op.ts';
import { encodeHintsJson, parseHints, type RecordedFs } from './index.ts';
import { newLog, play, takeOver, treeOf, withTempDir } from './testing/index.ts';

const paths = fc.constantFrom('/a', '/b', '/d/c', '/d/e/f', '/g');
type Change =
  | { readonly do: 'put' | 'append'; readonly path: string; readonly text: string; readonly at: number }
  | { readonly do: 'rename' | 'link'; readonly path: string; readonly to: string }
  | { readonly do: 'unlink'; readonly path: string };
type Step = Change | { readonly do: 'hints' | 'handoff' };
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('put' as const, 'append' as const),
    path: paths,
    text: fc.string({ maxLength: 20 }),
    at: fc.nat(30),
  }),
  fc.record({ do: fc.constantFrom('rename' as const, 'link' as const), path: paths, to: paths }),
  fc.record({ do: fc.constant('unlink' as const), path: paths }),
  fc.record({ do: fc.constantFrom('hints' as const, 'handoff' as const) }),
);

/** Does a step; what the file system refuses (no such file, exists already) is no step. */
async function perform(fs: RecordedFs, step: Change): Promise<void> {
  try {
    if (step.do === 'rename') await fs.rename(step.path, step.to);
    else if (step.do === 'link') await fs.link(step.path, step.to);
    else if (step.do === 'unlink') await fs.unlink(step.path);
    else if ('text' in step) {
      const file = await fs.open(step.path, { create: true, truncate: step.do === 'put' });
      await file.write(utf8(step.text), step.do === 'put' ? step.at : file.size());
      await file.close();
    }
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as { code: string }).code)) throw error;
  }
}

describe('any sequence of file operations and handoffs', () => {
  test('plays back to the same tree, from the beginning and from hints of any moment', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 40 }), (story) =>
        withTempDir((root) => check(story, root)),
      ),
      { numRuns: 60 },
    );
  });
});

async function check(story: readonly Step[], root: string): Promise<void> {
  const log = newLog();
  let term = 1;
  let primary = await takeOver(log, `${root}/p1`, term);
  const hints = [];
  for (const step of story) {
    if (step.do === 'hints') hints.push(await primary.recorder.buildHints());
    else if (step.do === 'handoff') {
      await primary.fs.barrier();
      term++;
      primary = await takeOver(log, `${root}/p${term}`, term, hints.at(-1));
    } else if ('path' in step) await perform(primary.fs, step);
  }
  await primary.fs.barrier();
  const wanted = await treeOf(`${root}/p${term}`);
  await play(log, `${root}/full`);
  expect(await treeOf(`${root}/full`)).toEqual(wanted);
  for (const [i, held] of hints.entries()) {
    await play(log, `${root}/h${i}`, parseHints(encodeHintsJson(held)));
    expect(await treeOf(`${root}/h${i}`)).toEqual(wanted);
  }
}

const position = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const pathOp = fc.record({ fnode: position, path: text });
const ops: fc.Arbitrary<RecordedOp> = fc.record(
  {
    seqNo: position,
    checksum: u32,
    author: u32,
    create: fc.record({ path: text }),
    link: pathOp,
    unlink: pathOp,
    write: fc.record({ fnode: position, offset: position, length: position }),
    property: fc.record({ path: text, content: text }),
  },
  { requiredKeys: ['seqNo', 'checksum', 'author'] },
);

describe('the codec of operations', () => {
  test('gives back what it was given', () => {
    fc.assert(fc.property(ops, (op) => expect(decodeOp(encodeOp(op))).toEqual(op)));
  });

  test('agrees with protobufjs on what the bytes mean', () => {
    fc.assert(
      fc.property(ops, (op) => {
        const other = pb.RecordedOp.decode(encodeOp(op));
        expect([String(other.seq_no), other.checksum, other.author]).toEqual([
          String(op.seqNo),
          op.checksum,
          op.author,
        ]);
        // protobufjs leaves empty fields out inside sub-messages as we do, so what it writes again has the same meaning to us.
        expect(decodeOp(pb.RecordedOp.encode(other).finish())).toEqual(op);
      }),
    );
  });

  test('never turns a number that is no position into another one', () => {
    for (const bad of [-1, 0.5, 2 ** 53, Number.NaN]) {
      expect(() => encodeOp({ seqNo: bad, checksum: 0, author: 1 })).toThrow(/positions are whole numbers/);
    }
  });

  test('protobufjs by itself writes a BigInt as 0: the reason why none ever reaches it', () => {
    const written = pb.RecordedOp.encode({ seq_no: 7n as unknown as number }).finish();
    expect(decodeOp(written).seqNo).toBe(0);
  });
});
