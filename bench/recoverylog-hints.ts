/**
 * What hints free: how much of a log is still needed once its hints are stored, by exact hints and by the rule of Gazette, on the same histories.
 *
 * 1. Needed is what neededByHints() says: what the hints name, and everything from the beginning of their last segment on. One hints value is looked at, made
 *    at the end; what a primary keeps for its backups comes on top of either.
 * 2. "In fragments" is what pruning can take: fragments of 64 MiB go when nothing in them is needed.
 * 3. Gazette has two: its recorder knows no ends within its session, so that everything from the oldest live file of it on is needed; a player knows them,
 *    and then a file needs one stretch a session (gazette.md §2.5, §8.5). A process that lives has the former, one that has just restored the latter.
 *
 *   npm run bench -- recoverylog-hints [--gib N] [--json FILE]
 */
import { encodeHintsJson, neededByHints, type FsmHints } from '../src/recoverylog/index.ts';
import { OpLog } from '../src/recoverylog/testing/index.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';
import { rounded, type Reach } from './support/stats.ts';

const MIB = 1024 * 1024;
const FRAGMENT_BYTES = 64 * MIB;
const { gib, json } = benchArguments({ gib: 16 });
const LOG_BYTES = gib * 1024 * MIB;

/** A store of sorted files of 16 MiB, in which four at a time become one of 64; every change of the set is a line of the manifest. */
function sortedFiles(log: OpLog, manifest: (name: string) => void): void {
  log.create('/MANIFEST');
  const level: string[] = [];
  for (let file = 0; log.end < LOG_BYTES; file++) {
    const name = `/${file}.sst`;
    log.create(name);
    log.write(name, 16 * MIB);
    level.push(name);
    manifest('/MANIFEST');
    if (level.length < 8) continue;
    const merged = `/${file}.merged`;
    log.create(merged);
    for (let part = 0; part < 4; part++) log.write(merged, 16 * MIB);
    manifest('/MANIFEST');
    for (const old of level.splice(0, 4)) log.unlink(old);
    if (file >= 64 && log.fsm.links.has(`/${file - 64}.merged`)) log.unlink(`/${file - 64}.merged`);
  }
}

/** Each history fills a log of its own. */
const HISTORIES: Readonly<Record<string, (log: OpLog) => void>> = {
  'settings written at the start, a WAL rolled every 64 MiB': (log) => {
    for (const name of ['/IDENTITY.txt', '/OPTIONS', '/CURRENT']) {
      log.create(name);
      log.write(name, 1000);
    }
    for (let wal = 0; log.end < LOG_BYTES; wal++) {
      log.create(`/${wal}.wal`);
      for (let write = 0; write < 64; write++) log.write(`/${wal}.wal`, MIB);
      if (wal > 0) log.unlink(`/${wal - 1}.wal`);
    }
  },
  'a MANIFEST appended with every file of an LSM tree': (log) =>
    sortedFiles(log, (manifest) => log.write(manifest, 100)),
  'a MANIFEST appended every GiB beside the same tree': (log) => {
    let next = 1024 * MIB;
    sortedFiles(log, (manifest) => {
      if (log.end < next) return;
      next += 1024 * MIB;
      log.write(manifest, 100);
    });
  },
  'one WAL that is never rolled': (log) => {
    log.create('/wal');
    while (log.end < LOG_BYTES) log.write('/wal', MIB);
  },
  'a snapshot of 256 MiB again and again, renamed over the last': (log) => {
    log.create('/stays');
    while (log.end < LOG_BYTES) {
      log.create('/snapshot.next');
      for (let write = 0; write < 256; write++) log.write('/snapshot.next', MIB);
      log.rename('/snapshot.next', '/snapshot');
    }
  },
  'SQLite, a journal file for each transaction of 64 pages': (log) => {
    log.create('/db');
    while (log.end < LOG_BYTES) {
      log.create('/db-journal');
      for (let page = 0; page < 64; page++) log.write('/db-journal', 4096);
      for (let page = 0; page < 64; page++) log.write('/db', 4096);
      log.unlink('/db-journal');
    }
  },
  'settings and a snapshot every GiB, a handoff after each': (log) => {
    log.create('/OPTIONS');
    while (log.end < LOG_BYTES) {
      log.write('/OPTIONS', 100);
      for (let snapshot = 0; snapshot < 4; snapshot++) {
        log.create('/snapshot.next');
        for (let write = 0; write < 256; write++) log.write('/snapshot.next', MIB);
        log.rename('/snapshot.next', '/snapshot');
      }
      log.handoff();
    }
  },
};

interface Needs {
  /** Bytes that hints need, and those of the fragments that these touch. */
  readonly bytes: number;
  readonly fragmentBytes: number;
  readonly segments: number;
  readonly hintsBytes: number;
}

/** As Gazette's recorder would say it: within the last session no segment has an end. */
function withoutEnds(hints: FsmHints): FsmHints {
  const author = Math.max(...hints.liveNodes.flatMap(({ segments }) => segments.map((each) => each.author)));
  const liveNodes = hints.liveNodes.map(({ fnode, segments }) => ({
    fnode,
    segments: segments.map((each) => (each.author === author ? { ...each, lastOffset: 0 } : each)),
  }));
  return { ...hints, liveNodes };
}

function needs(log: OpLog, hints: FsmHints): Needs {
  const value = encodeHintsJson(hints);
  const ranges = neededByHints(log.log, value).ranges.map(({ begin, end }) => ({
    begin,
    end: Math.min(end, log.end),
  }));
  const touched = new Set<number>();
  let bytes = 0;
  let known = 0;
  for (const { begin, end } of ranges) {
    bytes += Math.max(0, end - Math.max(begin, known)); // open ranges overlap
    known = Math.max(known, end);
    for (let at = Math.floor(begin / FRAGMENT_BYTES); at * FRAGMENT_BYTES < end; at++) touched.add(at);
  }
  return {
    bytes,
    fragmentBytes: Math.min(touched.size * FRAGMENT_BYTES, log.end),
    segments: hints.liveNodes.reduce((sum, { segments }) => sum + segments.length, 0),
    hintsBytes: value.length,
  };
}

const memory = watchMemory();
const figures = Object.entries(HISTORIES).map(([name, fill]) => {
  const log = new OpLog('holdfast', false);
  fill(log);
  const exact = needs(log, log.fsm.buildHints(log.log));
  const played = log.fsm.buildHints(log.log, 'gazette');
  const gazette = needs(log, played);
  const recorder = needs(log, withoutEnds(played));
  return { name, logBytes: log.end, operations: log.fsm.nextSeqNo - 1, exact, gazette, recorder };
});

const share = (part: number, whole: number): string => `${rounded((100 * part) / whole, 1)} %`;
console.log(
  `freed of a log of ${gib} GiB, and what the hints take; fragments of ${FRAGMENT_BYTES / MIB} MiB`,
);
console.table(
  Object.fromEntries(
    figures.map(({ name, logBytes, exact, gazette, recorder }) => [
      name,
      {
        recorder: share(logBytes - recorder.bytes, logBytes),
        player: share(logBytes - gazette.bytes, logBytes),
        exact: share(logBytes - exact.bytes, logBytes),
        'player, fragments': share(logBytes - gazette.fragmentBytes, logBytes),
        'exact, fragments': share(logBytes - exact.fragmentBytes, logBytes),
        segments: `${gazette.segments} / ${exact.segments}`,
        'hints, bytes': `${gazette.hintsBytes} / ${exact.hintsBytes}`,
      },
    ]),
  ),
);
const reaches: readonly Reach[] = figures.map(({ name, exact, gazette }) => ({
  figure: `${name}: bytes needed over those by Gazette's rule`,
  measured: rounded(exact.bytes / gazette.bytes, 4),
  bound: { atMost: 1.01 },
}));
await conclude({
  bench: 'recoverylog-hints',
  figures: { logBytes: LOG_BYTES, histories: figures },
  reaches,
  memory: memory.stop(),
  json,
});
