import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { link, mkdir, open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode, utf8 } from '../base/index.ts';
import { recoverylog as pb } from './gen/recoverylog.js';
import { decodeOp, encodeOp, type RecordedOp } from './format/op.ts';
import { encodeHintsJson, parseHints, type RecordedFile, type RecordedFs } from './index.ts';
import { newLog, play, takeOver, treeOf, withTempDir } from './testing/index.ts';

const paths = fc.constantFrom('/a', '/b', '/d/c', '/d/e/f', '/g');
type Change =
  | { readonly do: 'put'; readonly path: string; readonly text: string; readonly at: number }
  | { readonly do: 'append'; readonly path: string; readonly text: string }
  | { readonly do: 'truncate'; readonly path: string; readonly size: number }
  | { readonly do: 'rename'; readonly path: string; readonly to: string }
  | { readonly do: 'link'; readonly path: string; readonly to: string }
  | { readonly do: 'unlink'; readonly path: string }
  | { readonly do: 'hold'; readonly path: string }
  | { readonly do: 'held-write'; readonly text: string; readonly at: number };
type Step = Change | { readonly do: 'hints' } | { readonly do: 'handoff' } | { readonly do: 'sync' };
const text = fc.string({ maxLength: 20 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('put' as const), path: paths, text, at: fc.nat(30) }),
  fc.record({ do: fc.constant('append' as const), path: paths, text }),
  fc.record({ do: fc.constant('truncate' as const), path: paths, size: fc.nat(40) }),
  fc.record({ do: fc.constant('rename' as const), path: paths, to: paths }),
  fc.record({ do: fc.constant('link' as const), path: paths, to: paths }),
  fc.record({ do: fc.constant('unlink' as const), path: paths }),
  fc.record({ do: fc.constant('hold' as const), path: paths }),
  fc.record({ do: fc.constant('held-write' as const), text, at: fc.nat(30) }),
  fc.record({ do: fc.constant('hints' as const) }),
  fc.record({ do: fc.constant('handoff' as const) }),
  fc.record({ do: fc.constant('sync' as const) }),
);

/** A directory in which the steps are done: the recorded one, and a plain one of this machine as the measure. */
interface Ground {
  perform(step: Change): Promise<void>;
  close(): Promise<void>;
}

class Recorded implements Ground {
  readonly #fs: RecordedFs;
  #held: RecordedFile | undefined;

  constructor(fs: RecordedFs) {
    this.#fs = fs;
  }

  async perform(step: Change): Promise<void> {
    const fs = this.#fs;
    if (step.do === 'rename') return await fs.rename(step.path, step.to);
    if (step.do === 'link') return await fs.link(step.path, step.to);
    if (step.do === 'unlink') return await fs.unlink(step.path);
    if (step.do === 'held-write') return await this.#held?.write(utf8(step.text), step.at);
    const creates = step.do !== 'truncate';
    const file = await fs.open(step.path, { create: creates, truncate: step.do === 'put' });
    if (step.do === 'hold') {
      await this.close();
      this.#held = file;
      return;
    }
    if (step.do === 'truncate') await file.truncate(step.size);
    else if (step.do === 'append') await file.append(utf8(step.text));
    else await file.write(utf8(step.text), step.at);
    await file.close();
  }

  async close(): Promise<void> {
    await this.#held?.close();
    this.#held = undefined;
  }
}

class Plain implements Ground {
  readonly #dir: string;
  #held: FileHandle | undefined;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async perform(step: Change): Promise<void> {
    if (step.do === 'held-write') {
      if (step.text.length > 0) await this.#held?.write(utf8(step.text), 0, undefined, step.at);
      return;
    }
    const path = join(this.#dir, step.path);
    if (step.do === 'unlink') return await unlink(path);
    if (step.do === 'rename' || step.do === 'link') {
      await stat(path);
      await mkdir(dirname(join(this.#dir, step.to)), { recursive: true });
      return await (step.do === 'rename' ? rename : link)(path, join(this.#dir, step.to));
    }
    if (step.do !== 'truncate') await mkdir(dirname(path), { recursive: true });
    const exists = await stat(path).then(
      () => true,
      () => false,
    );
    const file = await open(path, step.do === 'truncate' || exists ? 'r+' : 'w+');
    if (step.do === 'hold') {
      await this.close();
      this.#held = file;
      return;
    }
    if (step.do === 'put') await file.truncate(0);
    if (step.do === 'truncate') await file.truncate(step.size);
    else {
      const at = step.do === 'append' ? (await file.stat()).size : step.at;
      if (step.text.length > 0) await file.write(utf8(step.text), 0, undefined, at);
    }
    await file.close();
  }

  async close(): Promise<void> {
    await this.#held?.close();
    this.#held = undefined;
  }
}

/** What a step comes to: what one directory refuses (no such file, exists already), the other has to refuse. */
async function outcome(ground: Ground, step: Change): Promise<string> {
  try {
    await ground.perform(step);
    return 'done';
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
    return code;
  }
}

/** Every file with its content and all its names. */
async function filesOf(dir: string): Promise<Record<string, readonly [content: string, names: string]>> {
  const tree = await treeOf(dir);
  const inodes = new Map<number, string[]>();
  const inodeOf = new Map<string, number>();
  for (const path of Object.keys(tree)) {
    const { ino } = await stat(join(dir, path));
    inodeOf.set(path, ino);
    inodes.set(ino, [...(inodes.get(ino) ?? []), path]);
  }
  const names = (path: string): string => inodes.get(inodeOf.get(path)!)!.join(' ');
  return Object.fromEntries(Object.entries(tree).map(([path, content]) => [path, [content, names(path)]]));
}

describe('any sequence of file operations and handoffs', () => {
  test('does what it does on a plain directory, and plays back to the same files and names, from the beginning and from hints of any moment', async () => {
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
  await mkdir(`${root}/plain`);
  const plain = new Plain(`${root}/plain`);
  let term = 1;
  let primary = await takeOver(log, `${root}/p1`, term);
  let recorded = new Recorded(primary.fs);
  const hints = [];
  for (const step of story) {
    if (step.do === 'hints') hints.push(await primary.recorder.buildHints());
    else if (step.do === 'sync') await primary.fs.barrier();
    else if (step.do === 'handoff') {
      await Promise.all([recorded.close(), plain.close()]);
      await primary.fs.barrier();
      term++;
      primary = await takeOver(log, `${root}/p${term}`, term, hints.at(-1));
      recorded = new Recorded(primary.fs);
    } else expect(await outcome(recorded, step)).toBe(await outcome(plain, step));
  }
  await Promise.all([recorded.close(), plain.close()]);
  await primary.fs.barrier();
  const wanted = await filesOf(`${root}/plain`);
  expect(await filesOf(`${root}/p${term}`)).toEqual(wanted);
  expect((await readdir(`${root}/p${term}`)).filter((name) => name.startsWith('.'))).toEqual([]);
  const played = await play(log, `${root}/full`);
  expect(await filesOf(`${root}/full`)).toEqual(wanted);
  expect(played.buildHints(log.journal.name)).toEqual(await primary.recorder.buildHints());
  for (const [i, held] of hints.entries()) {
    await play(log, `${root}/h${i}`, parseHints(encodeHintsJson(held)));
    expect(await filesOf(`${root}/h${i}`)).toEqual(wanted);
  }
}

const position = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const name = fc.string({ unit: 'grapheme', maxLength: 20 });
const pathOp = fc.record({ fnode: position, path: name });
const ops: fc.Arbitrary<RecordedOp> = fc.record(
  {
    seqNo: position,
    checksum: u32,
    author: u32,
    create: fc.record({ path: name }),
    link: pathOp,
    unlink: pathOp,
    write: fc.record({ fnode: position, offset: position, length: position }),
    property: fc.record({ path: name, content: name }),
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
