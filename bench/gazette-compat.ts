/**
 * Whether Gazette plays what we record: logs made here, as plain bytes, played by its own Go player and by ours, from the beginning and from hints. The same
 * files and the same place to go on, or this ends with exit code 1.
 *
 *   HOLDFAST_GAZETTE_PLAYLOG=... npm run bench -- gazette-compat [--logs N] [--seed S] [--json FILE]
 *
 * The peer is a program that runs Gazette's Player over its in-process broker; it is no part of this project and starts `etcd`, which has to be on PATH.
 * Without it there is nothing to compare with. It plays one log at a time, so that of forks it sees the log that was forked, not the one that points to it.
 */
import { execFile } from 'node:child_process';
import { link, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { concatBytes, sha256Hex } from '../src/base/index.ts';
import { seededRandom, type SeededRandom } from '../src/base/testing/index.ts';
import {
  encodeHintsJson,
  encodeHintsProtobuf,
  forkLog,
  Fsm,
  importDirectory,
  openNewLog,
  Recorder,
  replay,
  type FsmHints,
  type RecordedFs,
} from '../src/recoverylog/index.ts';
import { newLog, play, takeOver, treeOf, type TestLog } from '../src/recoverylog/testing/index.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';

const { logs, seed, json } = benchArguments({ logs: 10, seed: 1 });
const program = process.env['HOLDFAST_GAZETTE_PLAYLOG'];
const run = promisify(execFile);
/** What the peer prints about a log of thousands of files. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** What a player made of a log. */
interface Made {
  readonly files: readonly { readonly path: string; readonly size: number; readonly sha256: string }[];
  readonly nextSeqNo: number;
  readonly nextChecksum: number;
}

interface Workload {
  readonly name: string;
  /** Records into an empty log; hints of it, newest last. */
  record(log: TestLog, random: SeededRandom, dir: string): Promise<readonly FsmHints[]>;
}

/** Bytes of a file or a write. The peer takes a log in one message of at most 1 MiB, so that all of them together stay below that. */
function content(random: SeededRandom): Uint8Array {
  return random.bytes(random.chance(0.1) ? random.below(30_000) : random.below(2000));
}

const PATHS = Array.from(
  { length: 12 },
  (_, i) => ['/a', '/dir/b', '/dir/ü/日本', '/x y'][i % 4]! + String(i),
);

/** A random step on the recorded files; what is not possible now is left out. */
async function step(fs: RecordedFs, random: SeededRandom): Promise<void> {
  const [path, other] = [random.pick(PATHS), random.pick(PATHS)];
  const kind = random.below(6);
  if (kind <= 1 || !fs.exists(path)) {
    const file = await fs.open(path, { create: true, truncate: kind === 0 });
    const data = content(random);
    if (data.length > 0) await file.write(data, kind === 0 ? 0 : random.below(file.size() + 1000));
    await file.close();
  } else if (kind === 2) await fs.unlink(path);
  else if (kind === 3 && !fs.exists(other)) await fs.link(path, other);
  else if (path !== other) await fs.rename(path, other);
}

const imports: Workload = {
  name: 'imported directories',
  async record(log, random, dir) {
    for (let i = 0; i < 30; i++) {
      const path = join(dir, `d${random.below(4)}`, random.chance(0.3) ? 'süb' : '', `f${i}`);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content(random));
      if (random.chance(0.2)) await link(path, `${path} again`);
    }
    const session = await openNewLog(log.journal, log);
    const fsm = new Fsm({ log: log.journal.name, liveNodes: [], properties: [] });
    const { hints } = await importDirectory(dir, new Recorder({ session, fsm }), {
      onUnrecordable: ({ path, what }) => {
        throw new Error(`${path} is ${what}`);
      },
    });
    await session.close();
    return [hints];
  },
};

/** Some primaries one after another, each with `steps` steps; every other one ends without a word. */
function primaries(name: string, count: number, steps: number): Workload {
  return {
    name,
    async record(log, random, dir) {
      const hints: FsmHints[] = [];
      for (let term = 1; term <= count; term++) {
        const { fs, recorder, session } = await takeOver(log, join(dir, String(term)), term, hints.at(-1));
        for (let i = 0; i < steps; i++) await step(fs, random);
        hints.push(await recorder.buildHints());
        await step(fs, random); // hints are older than the log
        await fs.barrier();
        if (term % 2 === 0) session.abandon('it is lost');
        else await session.close();
      }
      return hints;
    },
  };
}

const forked: Workload = {
  name: 'forked logs',
  async record(log, random, dir) {
    const hints = await primaries('', 2, 30).record(log, random, dir);
    const { fsm } = await replay({ ...log, hints: hints.at(-1) });
    const session = await openNewLog({ ...log.journal, name: `${log.journal.name}-fork` }, log);
    await forkLog(fsm, session);
    await session.close();
    return hints;
  },
};

const WORKLOADS = [imports, primaries('random work', 1, 120), primaries('handoffs', 5, 25), forked];

/** What our own player makes of it. */
async function ours(log: TestLog, dir: string, hints: FsmHints | undefined): Promise<Made> {
  const { nextSeqNo, nextChecksum } = await play(log, dir, hints, true);
  const files = Object.entries(await treeOf(dir)).map(([path, text]) => {
    const bytes = Buffer.from(text, 'latin1');
    return { path, size: bytes.length, sha256: sha256Hex(bytes) };
  });
  return { files, nextSeqNo, nextChecksum };
}

async function bytesOf(log: TestLog): Promise<Uint8Array> {
  const reader = log.reader();
  const parts: Uint8Array[] = [];
  for (;;) {
    const event = await reader.next();
    if (event.kind === 'data') parts.push(event.bytes.slice());
    if (event.kind === 'tail') return concatBytes(parts);
  }
}

/** What Gazette's player makes of it. @throws when it refuses the log */
async function theirs(
  peer: string,
  dir: string,
  log: TestLog,
  raw: string,
  hints: FsmHints | undefined,
): Promise<Made> {
  const hintsFile = join(dir, 'hints');
  const isBinary = (hints?.liveNodes.length ?? 0) % 2 === 0; // the two forms take turns
  if (hints) await writeFile(hintsFile, isBinary ? encodeHintsProtobuf(hints) : encodeHintsJson(hints));
  const from = hints ? ['-hints', hintsFile] : ['-journal', log.journal.name];
  const { stdout } = await run(peer, [...from, '-dir', join(dir, 'peer'), raw], {
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  const { files, nextSeqNo, nextChecksum } = JSON.parse(stdout) as Made;
  return { files, nextSeqNo, nextChecksum };
}

const inOrder = ({ files, ...rest }: Made): string =>
  JSON.stringify({
    ...rest,
    files: files.map(({ path, size, sha256 }) => `${sha256} ${size} ${path}`).toSorted(),
  });

interface Row {
  logs: number;
  KiB: number;
  operations: number;
  playbacks: number;
  different: number;
}

async function compare(
  peer: string,
  workload: Workload,
  dir: string,
  row: Row,
  random: SeededRandom,
): Promise<void> {
  const log = newLog('bench/compat');
  const recorded = await workload.record(log, random, join(dir, 'recorded'));
  const raw = join(dir, 'log');
  const bytes = await bytesOf(log);
  await writeFile(raw, bytes);
  row.logs++;
  row.KiB += bytes.length / 1024;
  for (const [i, hints] of [undefined, ...recorded].entries()) {
    const made = await ours(log, join(dir, `ours-${i}`), hints);
    await mkdir(join(dir, 'peer'), { recursive: true });
    const peers = await theirs(peer, dir, log, raw, hints);
    row.playbacks++;
    if (i === 0) row.operations += made.nextSeqNo - 1;
    if (inOrder(made) === inOrder(peers)) continue;
    row.different++;
    console.error(
      `${workload.name}: from ${hints ? `hints ${i}` : 'the beginning'} the peer made ${inOrder(peers)}, we ${inOrder(made)}`,
    );
  }
}

const memory = watchMemory();
const rows: Record<string, Row> = {};
if (program === undefined) console.log('peer absent: HOLDFAST_GAZETTE_PLAYLOG names no program');
else
  for (const workload of WORKLOADS) {
    const row: Row = { logs: 0, KiB: 0, operations: 0, playbacks: 0, different: 0 };
    rows[workload.name] = row;
    for (let i = 0; i < logs; i++) {
      const dir = await mkdtemp(join(tmpdir(), 'holdfast-compat-'));
      try {
        await compare(program, workload, dir, row, seededRandom(seed + i));
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    }
    row.KiB = Math.round(row.KiB);
  }
if (program !== undefined) console.table(rows);
await conclude({
  bench: 'gazette-compat',
  figures: { seed, workloads: rows },
  reaches: Object.entries(rows).map(([name, { different }]) => ({
    figure: `${name}: playbacks that differ`,
    measured: different,
    bound: { atMost: 0 },
  })),
  memory: memory.stop(),
  json,
});
