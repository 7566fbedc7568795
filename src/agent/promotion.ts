/**
 * Taking over: wait a moment for a predecessor that is leaving on purpose, fence, replay, open the application.
 */
import type { Clock, Logger, Random } from '../base/index.ts';
import type { Session, SessionOptions } from '../journal/index.ts';
import type { Player, Recorder } from '../recoverylog/index.ts';
import type { Application } from './application.ts';
import type { HeartbeatView } from './heartbeat/index.ts';
import type { HandoffTimes } from './state.ts';

export interface TakeOverParts {
  readonly player: Player;
  readonly application: Application;
  readonly dir: string;
  readonly session: Partial<SessionOptions>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface TakeOverOrder {
  readonly term: number;
  /** A predecessor that finishes on purpose. */
  readonly waitFor: string | undefined;
  readonly predecessor: (pod: string) => HeartbeatView | undefined;
}

export interface Promoted {
  readonly session: Session;
  readonly recorder: Recorder;
  readonly times: HandoffTimes;
}

/** Longest wait for a predecessor's release, ms. Past it the fence settles what the predecessor did not: safety never depends on the wait. */
const RELEASE_PATIENCE_MS = 2000;
/** Authors are 1 to 2^32-1. */
const MAX_AUTHOR = 2 ** 32 - 1;
/** Between two looks at the predecessor's heartbeat, ms: a client feels every one of them. */
const LOOK_MS = 10;

/**
 * Becomes the primary of `order.term`. `fenceMs` counts from the order, so it includes the wait.
 * @throws what the handoff or the application throws; the session is given up then
 */
export async function takeOver(
  parts: TakeOverParts,
  order: TakeOverOrder,
  signal: AbortSignal,
): Promise<Promoted> {
  const { player, application, dir, clock, random, log } = parts;
  const orderedMs = clock.monotonicMs();
  if (order.waitFor !== undefined) await predecessorGone(clock, order, order.waitFor, signal);
  const waitedMs = clock.monotonicMs() - orderedMs;
  const { session, recorder, fs, fenceMs, replayMs } = await player.handoff(
    { author: 1 + random.below(MAX_AUTHOR), term: order.term, session: parts.session },
    signal,
  );
  const liveMs = clock.monotonicMs();
  try {
    await application.open({
      dir,
      fs,
      live: player.live,
      term: order.term,
      readIndex: () => session.readIndex(),
      ended: session.ended,
    });
  } catch (error) {
    session.abandon('the application could not be opened');
    throw error;
  }
  const times: HandoffTimes = {
    term: order.term,
    fenceMs: waitedMs + fenceMs,
    replayMs,
    openMs: clock.monotonicMs() - liveMs,
  };
  log.info('took over', { ...times, waitedMs });
  return { session, recorder, times };
}

/** Resolves when the predecessor has released the log or is gone, at the latest after RELEASE_PATIENCE_MS. */
async function predecessorGone(
  clock: Clock,
  { predecessor }: TakeOverOrder,
  pod: string,
  signal: AbortSignal,
): Promise<void> {
  const untilMs = clock.monotonicMs() + RELEASE_PATIENCE_MS;
  while (clock.monotonicMs() < untilMs) {
    const view = predecessor(pod);
    if (view?.line?.state === 'stopped') return;
    if (view?.connection.kind === 'closed' && view.connection.refused) return;
    await clock.sleep(LOOK_MS, signal);
  }
}
