/**
 * The recovery log in memory, one thread: what its operations cost before anything is read from a store or written to a disk. 200,000 operations as a store
 * of small records makes them: creates, writes of 128 bytes, renames and unlinks over 200 live files.
 * The floor: the CRC-32C of every payload, which the checksum chain asks of every reader. The legs take turns, pass by pass. Time is this thread's
 * processor time, so that a busy machine takes little from it.
 *
 *   npm run bench -- recoverylog-memory [--ops N] [--passes N] [--piece BYTES] [--json FILE]
 */
import { crc32c } from '../src/base/index.ts';
import { Fsm, type FsmHints } from '../src/recoverylog/index.ts';
import {
  decodeOpAt,
  encodeFrame,
  FRAME_HEADER_BYTES,
  FrameReader,
  frameLength,
  opReader,
  OpLog,
  putFrame,
  type LoggedOp,
} from '../src/recoverylog/testing/index.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';
import { rounded, summarize, turns, type Reach } from './support/stats.ts';

const { ops, passes, piece, json } = benchArguments({ ops: 200_000, passes: 9, piece: 1024 * 1024 });
const REACH_MILLIONS = 3;
const WARM_UP_PASSES = 2;
const LIVE_FILES = 200;
const WRITE_BYTES = 128;
const WRITES_A_FILE = 6;
const EMPTY: FsmHints = { log: 'test/log', liveNodes: [], properties: [] };

/** Ten operations a round: a file is created, others are written, it gets its name, the oldest goes. Six in ten are writes. */
function workload(): readonly LoggedOp[] {
  const log = new OpLog();
  const path = (file: number): string => `/data/${String(file).padStart(6, '0')}.sst`;
  for (let file = 0; log.ops.length < ops; file++) {
    log.create('/data/next.tmp');
    for (let write = 0; write < WRITES_A_FILE; write++) {
      const older = file - ((write * 37) % Math.max(1, Math.min(file, LIVE_FILES)));
      log.write(older === file ? '/data/next.tmp' : path(older), WRITE_BYTES);
    }
    log.rename('/data/next.tmp', path(file));
    if (file >= LIVE_FILES) log.unlink(path(file - LIVE_FILES));
  }
  return log.ops;
}

const logged = workload();
/** The log as it lies in the journal; the data of its writes is zeros. */
const bytes = new Uint8Array(logged.at(-1)!.lastOffset);
for (const { op, firstOffset } of logged) putFrame(op, bytes, firstOffset);
const payloads = logged.map(({ firstOffset, op }) =>
  bytes.subarray(firstOffset + FRAME_HEADER_BYTES, firstOffset + frameLength(op)),
);

/** A leg goes through the log once; what it returns is the same each time, and what it is checked by. */
const LEGS: Readonly<Record<string, () => number>> = {
  'floor: CRC-32C of each payload': () => payloads.reduce((crc, payload) => crc32c(payload, crc), 0),
  'encode, into one buffer': () => {
    const buffer = new Uint8Array(piece + frameLength(logged[0]!.op) * 2);
    let at = 0;
    let total = 0;
    for (const { op } of logged) {
      const end = putFrame(op, buffer, at);
      total += end - at;
      at = end > piece ? 0 : end;
    }
    return total;
  },
  'encode, each frame by itself': () =>
    logged.reduce((total, { op }) => total + encodeFrame(op).frame.length, 0),
  decode: () => {
    const reader = opReader();
    return payloads.reduce((sum, payload) => sum + decodeOpAt(reader, payload, 0, payload.length).seqNo, 0);
  },
  apply: () => {
    const fsm = new Fsm(EMPTY);
    for (const [at, each] of logged.entries())
      if (fsm.apply(each.op, payloads[at]!, each) !== undefined)
        throw new Error(`operation ${at} is refused`);
    return fsm.nextChecksum;
  },
  'unpack + decode + apply': () => {
    const fsm = new Fsm(EMPTY);
    const frames = new FrameReader('test/log', 0);
    for (let at = 0; at < bytes.length; at += piece) {
      frames.push(bytes.subarray(at, at + piece));
      for (let frame = frames.next(); frame; frame = frames.next())
        if (frame.kind !== 'op' || fsm.applyFrame(frame) !== undefined)
          throw new Error(`the frame at ${frame.firstOffset} is refused`);
    }
    return fsm.nextChecksum;
  },
};

const names = Object.keys(LEGS);
const rates = new Map(names.map((name) => [name, [] as number[]]));
const results = new Map<string, number>();
const memory = watchMemory();
for (let pass = 0; pass < WARM_UP_PASSES + passes; pass++) {
  for (const name of turns(names, pass)) {
    const before = process.threadCpuUsage();
    const result = LEGS[name]!();
    const { user, system } = process.threadCpuUsage(before);
    if ((results.get(name) ?? result) !== result) throw new Error(`${name} came to another result`);
    results.set(name, result);
    if (pass >= WARM_UP_PASSES) rates.get(name)!.push(logged.length / (user + system));
  }
}
if (results.get('apply') !== results.get('unpack + decode + apply'))
  throw new Error('the log that was read is not the one that was written');

const kinds = (['create', 'write', 'link', 'unlink'] as const)
  .map((kind) => `${logged.filter(({ op }) => op[kind]).length} ${kind}`)
  .join(', ');
console.log(`${logged.length} operations (${kinds}), ${bytes.length} bytes, ${passes} passes, M ops/s`);
const summaries = names.map((name) => [name, summarize(rates.get(name)!)] as const);
console.table(
  Object.fromEntries(
    summaries.map(([name, { p50, min, max }]) => [
      name,
      { median: rounded(p50, 2), min: rounded(min, 2), max: rounded(max, 2) },
    ]),
  ),
);
const reaches: readonly Reach[] = [
  {
    figure: 'unpack + decode + apply, M ops/s',
    measured: rounded(summarize(rates.get('unpack + decode + apply')!).p50, 2),
    bound: { atLeast: REACH_MILLIONS },
  },
];
await conclude({
  bench: 'recoverylog-memory',
  figures: {
    ops: logged.length,
    bytes: bytes.length,
    passes,
    millionsPerSecond: Object.fromEntries(summaries),
  },
  reaches,
  memory: memory.stop(),
  json,
});
