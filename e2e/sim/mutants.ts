/**
 * Mutants of the production code: one rule broken at a time, in a copy of the sources. The simulation must find each of them; a mutant
 * that survives means that the simulation is blind to that rule.
 */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runSeeds, type Seeds } from './run-seeds.ts';

export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Exactly one place of the file, replaced by `by`. */
  readonly replace: string;
  readonly by: string;
}

const session = 'src/journal/session/session.ts';
const putSlot = 'src/journal/session/put-slot.ts';
const compaction = 'src/journal/compaction/compact.ts';
const readIndex = 'src/journal/session/read-index.ts';
const cursor = 'src/journal/read/cursor.ts';
const leapFence = 'src/journal/open/leap-fence.ts';
const reader = 'src/journal/read/reader.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a taken key counts as our own commit',
    file: putSlot,
    replace: 'equalBytes(header.putId, putId)',
    by: 'putId.length > 0',
  },
  {
    name: 'a taken key counts as foreign, whoever wrote it',
    file: putSlot,
    replace: 'equalBytes(header.putId, putId)',
    by: 'putId.length < 0',
  },
  {
    name: 'a lost answer counts as not appended',
    file: session,
    replace: 'new AppendUnknownError(name, `slot ${this.#sentSeq} stayed undecided`',
    by: 'new NotAppendedError(name, `slot ${this.#sentSeq} stayed undecided`',
  },
  {
    name: 'acknowledged before it is durable',
    file: session,
    replace: 'this.#reads.slotSent(seq);',
    by: 'this.#reads.slotSent(seq); this.#buffer.confirm(end);',
  },
  {
    name: 'an undecided slot is given up and its number used again',
    file: session,
    replace: "case 'undecided':",
    by: "case 'undecided':\n        if (outgoing.end > 0) return true;",
  },
  {
    name: 'a fenced session goes on behind the fence',
    file: session,
    replace: 'this.#endFenced(decision.header, decision.maybe);\n        return false;',
    by: 'this.#cursor = { ...this.#cursor, nextSeq: decision.header.seq + 1 };\n        return true;',
  },
  {
    name: 'reads are served without proof',
    file: session,
    replace: 'return this.#reads.wait();',
    by: 'return Promise.resolve();',
  },
  {
    name: 'a read joins a GET that is under way',
    file: readIndex,
    replace: 'for (const read of waiting) read.byGet = seq - 1;',
    by: 'for (const read of this.#reads) read.byGet ??= seq - 1;',
  },
  {
    name: 'any confirmation after its arrival serves a read',
    file: readIndex,
    replace: 'byGet: undefined, byPut: undefined, resolve',
    by: 'byGet: undefined, byPut: this.#ports.lastSent() > this.#confirmed ? this.#ports.lastSent() : undefined, resolve',
  },
  {
    name: 'a foreign slot is passed over by the read proof',
    file: readIndex,
    replace: 'this.#ports.foreign(probe.header);',
    by: 'for (const read of waiting) read.byGet = seq - 1;\n        this.#serve();\n        continue;',
  },
  {
    name: 'a fence is sent although a higher term was read',
    file: 'src/journal/open/opener.ts',
    replace: 'if (allowsFence(cursor.registers, term, author.toString(32))) return;',
    by: 'if (term > 0) return;',
  },
  {
    name: 'appending begins from where the log ended before the race for the fence',
    file: 'src/journal/open/passed.ts',
    replace: 'cursor: advance(passed.cursor, slot).cursor,',
    by: 'cursor: { ...advance(passed.cursor, slot).cursor, offset: passed.cursor.offset },',
  },
  {
    name: 'a leap fence counts whatever its term',
    file: cursor,
    replace: 'const counts =',
    by: 'const counts = true ||',
  },
  {
    name: 'the offset that a leap fence guessed is believed',
    file: cursor,
    replace: 'if (!slot.leap && slot.begin !== cursor.offset)',
    by: 'if (slot.begin !== cursor.offset)',
  },
  {
    name: 'the owner of a leap fence lives before its holes are filled',
    file: leapFence,
    replace: 'const filled = await fillHoles(opener, from, fence.seq, tail);',
    by: 'const filled = { ...from, cursor: { ...from.cursor, nextSeq: fence.seq } };',
  },
  {
    name: 'what the old session put into a hole is not counted',
    file: leapFence,
    replace: 'passed = opener.pass(passed, there);',
    by: 'passed = opener.pass(passed, filler);',
  },
  {
    name: 'a reader passes the holes below a leap fence',
    file: reader,
    replace: 'if (await isLeapHole(this.journal, seq, above, signal)) return true;',
    by: 'if (await isLeapHole(this.journal, seq, above, signal)) {\n      this.#cursor = { ...this.#cursor, nextSeq: above };\n      return false;\n    }',
  },
  {
    name: 'a reader tells no tail at a hole below a leap fence',
    file: reader,
    replace: 'if (await isLeapHole(this.journal, seq, above, signal)) return true;',
    by: 'if (await isLeapHole(this.journal, seq, above, signal)) {\n      await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));\n    }',
  },
  {
    name: 'a batch is acknowledged with the one before it',
    file: 'src/journal/session/append-buffer.ts',
    replace: 'this.#waiters.first.end <= offset',
    by: 'this.#waiters.first.begin <= offset',
  },
  {
    name: 'compressed content is read as it is stored',
    file: 'src/journal/read/read-slot.ts',
    replace: 'await decompress(codec, payload, end - begin)',
    by: 'payload',
  },
  {
    name: 'a barrier joins whoever waited last, whatever batch that was',
    file: 'src/journal/session/append-buffer.ts',
    replace: ' && joins !== undefined && latest.joins === joins',
    by: '',
  },
  {
    name: 'what waits in the buffer when fenced is reported as durable',
    file: 'src/journal/session/append-buffer.ts',
    replace: 'waiter.reject(errorFor(waiter.begin < sentEnd || waiter.begin === waiter.end));',
    by: 'waiter.resolve();',
  },
  {
    name: 'a barrier counts as not appended because it has no bytes of its own',
    file: 'src/journal/session/append-buffer.ts',
    replace: ' || waiter.begin === waiter.end',
    by: '',
  },
  {
    name: 'FENCE and FILLER slots are deleted like any other',
    file: compaction,
    replace: "if (slot.kind === 'data' || slot.kind === 'checkpoint') deletable.push(slot.seq);",
    by: 'deletable.push(slot.seq);',
  },
  {
    name: 'a compactor that was fenced calls damage what its successor has removed',
    file: 'src/journal/compaction/compactor.ts',
    replace: 'if (isDamage && (await this.#isFenced())) return;',
    by: '',
  },
  {
    name: 'a fence is believed without a look at what stands above it',
    file: 'src/journal/open/open-session.ts',
    replace: 'if (above === undefined) return passed.cursor;',
    by: 'return passed.cursor;',
  },
  {
    name: 'an opener believes whatever FENCE it loses a race to',
    file: 'src/journal/open/open-session.ts',
    replace: 'await checkReclaimed(); // F5',
    by: '// F5',
  },
  {
    name: 'a fragment of which something is needed is pruned',
    file: 'src/journal/compaction/prune.ts',
    replace: 'range.begin < end && begin < range.end',
    by: 'range.begin <= begin && end <= range.end',
  },
  {
    name: 'the index forgets the fences below the floor',
    file: compaction,
    replace: 'fences: [...index.fences, ...fences],',
    by: 'fences: index.fences,',
  },
  {
    name: 'the floor lies one slot too high',
    file: compaction,
    replace: 'floor: target.nextSeq,',
    by: 'floor: target.nextSeq + 1,',
  },
  {
    name: 'a merged fragment is deleted although the new one was not published',
    file: compaction,
    replace: 'retired: [...index.retired, ...merged],',
    by: 'retired: [...index.retired, ...merged, ...written],',
  },
];

const ROOT = join(import.meta.dirname, '..', '..');

/** What of the sources a simulation needs, and how its seeds are run. */
export interface Hunt {
  readonly copied: readonly string[];
  readonly run: (seeds: Seeds, dir: string) => Promise<{ readonly failures: readonly string[] }>;
}

export const JOURNAL_HUNT: Hunt = {
  copied: ['src/base', 'src/store', 'src/journal', 'e2e/sim'],
  run: runSeeds,
};

/** The text of a mutant's file with the rule broken. @throws Error when its place is not there exactly once */
export async function mutated({ name, file, replace, by }: Mutant): Promise<string> {
  const source = await readFile(join(ROOT, file), 'utf8');
  const places = source.split(replace).length - 1;
  if (places !== 1) throw new Error(`mutant "${name}": its place occurs ${places} times in ${file}`);
  return source.replace(replace, () => by);
}

/** Runs a simulation on a mutated copy, seed by seed, until it fails; resolves with the failure's text, or undefined when it survived. */
export async function huntMutant(
  mutant: Mutant,
  seeds: number,
  { copied, run }: Hunt = JOURNAL_HUNT,
): Promise<string | undefined> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-mutant-'));
  try {
    for (const path of ['package.json', ...copied])
      await cp(join(ROOT, path), join(dir, path), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    const file = join(dir, mutant.file);
    await writeFile(file, await mutated(mutant));
    return (await run({ first: 1, count: seeds, failFast: true }, dir)).failures[0];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
