/**
 * holdfast log fork: a new log that begins with the state of another one at its head, whose bytes it points to.
 *
 * 1. The old log is read, never written to. Its primary goes on; what it writes later is not in the fork.
 * 2. Before the hints are printed they are played: to the state that was forked, or the command fails.
 */
import { assert } from '../../base/index.ts';
import type { Journal } from '../../journal/index.ts';
import {
  explainHints,
  forkLog,
  NothingToForkError,
  replay,
  type NeededOfLog,
} from '../../recoverylog/index.ts';
import { formatBytes } from '../format.ts';
import { beginLog, newJournal, tellBegun, type BeginOptions } from './begin.ts';
import { replayAndTell } from './hints.ts';
import { LogNotNamedError, runOnLog, type LogOptions } from './source.ts';

export interface ForkFlags extends LogOptions, Omit<BeginOptions, 'generation'> {
  /** Name of the new log. */
  readonly to: string;
  readonly toGeneration?: string;
}

/** @returns the exit code */
export async function fork(options: ForkFlags): Promise<number> {
  return await runOnLog(options, async (log, context) => {
    const { journal: old } = log;
    if (log.isRaw) throw new LogNotNamedError('A fork points to a log in a store, not to plain bytes');
    if (options.to === old.name) throw new LogNotNamedError(`A fork of ${old.name} needs another name`);
    const { fsm } = await replayAndTell(log, log.hints[0]?.hints, context);
    if (fsm.links.size === 0) throw new NothingToForkError(old.name);
    const journal = await newJournal(options.to, options.toGeneration, context);
    const hints = await beginLog(journal, context, options, (session) => forkLog(fsm, session));
    const openLog = async (name: string): Promise<Journal> =>
      name === old.name ? old : await log.openLog(name);
    const { fsm: played } = await replay({ ...context, journal, hints, openLog }); // 2
    assert(
      played.nextSeqNo === fsm.nextSeqNo &&
        played.nextChecksum === fsm.nextChecksum &&
        sameEntries(played.links, fsm.links) &&
        sameEntries(played.properties, fsm.properties),
      'the hints of a fork play to the state that was forked',
      { log: old.name, fork: journal.name },
    );
    const { needs } = explainHints(hints);
    process.stderr.write(`${pinLine(needs, journal.name)}\n`);
    return await tellBegun(journal, hints, { needs }, context, options);
  });
}

function pinLine(needs: readonly NeededOfLog[], fork: string): string {
  const others = needs
    .filter(({ log }) => log !== fork)
    .map(({ log, bytes }) => `${formatBytes(bytes)} of ${log}`);
  return `${fork} needs ${others.join(' and ')}: pin that log (spec.pins of its RecoveryLog), or pruning takes them away`;
}

function sameEntries<K, V>(one: ReadonlyMap<K, V>, two: ReadonlyMap<K, V>): boolean {
  return one.size === two.size && [...one].every(([key, value]) => two.get(key) === value);
}
