/**
 * holdfast state export: the state of a shard out of its log, as it is at the head, without the service.
 *
 * 1. The log is read, never written to: its primary goes on. The state is opened as a primary would open it, over a fork of the log in a directory of its own,
 *    which is thrown away.
 * 2. What commands mean, and what the files of an on-disk machine hold, only the machine knows (machine.ts M1): --machine.
 * 3. The machine is made before anything is read.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EXIT } from '../../api/index.ts';
import { toHex } from '../../base/index.ts';
import type { Journal } from '../../journal/index.ts';
import { forkLog, openNewLog, Player, type FsmHints } from '../../recoverylog/index.ts';
import {
  exportSnapshot,
  Follower,
  StateAtHead,
  StateMissingError,
  type Exported,
} from '../../statemachine/index.ts';
import { openStore } from '../../store/index.ts';
import { replayAndTell } from '../log/hints.ts';
import { runOnLog, type LogOptions, type OpenedLog } from '../log/source.ts';
import { Progress } from '../progress.ts';
import type { Context } from '../run.ts';
import { describe } from './check.ts';
import { machineNamed, type AnyMachine } from './machine.ts';

export interface ExportStateFlags extends LogOptions {
  readonly machine: string;
  /** Parent of the directory that is made. */
  readonly out: string;
}

/** @returns the exit code */
export async function exportState(options: ExportStateFlags): Promise<number> {
  return await runOnLog(options, async (log, context) => {
    const machine = await machineNamed(options.machine); // 3
    const work = await mkdtemp(join(tmpdir(), 'holdfast-export-'));
    try {
      const { path, manifest } = await exported(log, machine, { work, out: resolve(options.out) }, context);
      const { journal } = log;
      if (options.json) await context.out.json({ ok: true, path, ...manifest });
      else
        await context.out.line(
          `exported ${describe(manifest)}, of ${journal.name}, generation ${journal.generation}, into ${path}`,
        );
      return EXIT.ok;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
}

/** Directories: one of our own, and the parent of the export. */
interface Places {
  readonly work: string;
  readonly out: string;
}

interface Fork {
  readonly journal: Journal;
  readonly hints: FsmHints;
}

const ID_BYTES = 8;
const MAX_AUTHOR = 2 ** 32 - 1;
/** Terms of the fork's own sessions: the one that begins it, and the one that opens the state. They are no part of what is exported. */
const FORK_TERM = 1;
const OPEN_TERM = 2;

/** 1 */
async function exported(
  log: OpenedLog,
  machine: AnyMachine,
  { work, out }: Places,
  context: Context,
): Promise<Exported> {
  const { clock, random, signal } = context;
  const fork = await forked(log, join(work, 'log'), context);
  const { player, playing, end } = play(log, fork, join(work, 'files'), context);
  const follower = Follower.start({ machine, live: player.live, clock, log: context.log });
  let state: StateAtHead<never, unknown, unknown> | undefined;
  try {
    await Promise.race([player.tailing, playing]);
    const author = 1 + random.below(MAX_AUTHOR - 1);
    const { fs, session } = await player.handoff({ author, term: OPEN_TERM }, signal);
    try {
      state = await StateAtHead.open({ follower, fs, log: context.log }, signal);
      return await exportSnapshot(state, fs, out, { signal });
    } finally {
      session.abandon('the fork is thrown away');
      await session.ended;
    }
  } finally {
    await (state ?? follower).close();
    end();
    await fork.journal.store.close();
  }
}

/** A log of our own that points to the bytes of the one that is exported. */
async function forked(log: OpenedLog, dir: string, context: Context): Promise<Fork> {
  const { fsm } = await replayAndTell(log, log.hints[0]?.hints, context);
  if (fsm.links.size === 0) throw new StateMissingError();
  await mkdir(dir);
  const id = toHex(context.random.bytes(ID_BYTES));
  const journal = { store: openStore(pathToFileURL(dir).href), name: `export/${id}`, generation: id };
  const session = await openNewLog(journal, { ...context, term: FORK_TERM });
  try {
    const hints = await forkLog(fsm, session);
    await session.close();
    return { journal, hints };
  } catch (error) {
    session.abandon('the fork cannot be made');
    throw error;
  }
}

/** Restores the files of the fork. `end` stops it. */
function play(
  { journal: source, openLog }: OpenedLog,
  { journal, hints }: Fork,
  dir: string,
  { clock, random, log, signal }: Context,
): { readonly player: Player; readonly playing: Promise<void>; readonly end: () => void } {
  const progress = new Progress(process.stderr, clock, 'restored');
  const player: Player = new Player({
    journal,
    hints,
    openLog: async (name) => (name === source.name ? source : await openLog(name)),
    expectHistory: true,
    dir,
    clock,
    random,
    log,
    onProgress: () => {
      const { bytesDone, bytesTotal } = player.progress;
      progress.update(bytesDone, bytesTotal);
    },
  });
  const ended = new AbortController();
  const playing = player.run(AbortSignal.any([signal, ended.signal]));
  playing.catch(() => undefined); // the race tells, until the log is taken over
  const end = (): void => {
    ended.abort(new Error('the export has ended'));
    progress.clear();
  };
  return { player, playing, end };
}
