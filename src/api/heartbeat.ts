/**
 * The line that an agent sends once a second and on every change (GET /v1/heartbeat): what operator and peers know of it.
 */
import { z } from 'zod';

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const ms = z.number().min(0);

const heartbeatLine = z.looseObject({
  v: z.literal(1),
  pod: z.string().min(1),
  uid: z.string().min(1),
  shard: z.string().min(1),
  namespace: z.string().min(1),
  state: z.enum(['starting', 'restoring', 'tailing', 'promoting', 'serving', 'stopped']),
  /** Why, in a word or two: of a stop, or of a restore that waits. */
  reason: z.string().max(2048).optional(),
  /** Last term that this process acted on; 0: none. */
  term: count,
  appliedOffset: count,
  headOffset: count,
  restore: z
    .object({ bytesDone: count, bytesTotal: count, bytesPerSecond: ms, etaSeconds: ms.optional() })
    .optional(),
  /** What the restore of this process started from: a hints slot, or the beginning of the log; and why newer hints were passed over. */
  hints: z
    .object({
      from: z.string().max(32),
      passedOver: z
        .array(
          z.object({ from: z.string().max(32), code: z.string().max(64), problem: z.string().max(1024) }),
        )
        .max(8),
    })
    .optional(),
  /** How long each peer has been silent as heard from here: a vote. */
  peers: z.array(z.object({ pod: z.string(), silentMs: ms, state: z.string() })).max(64),
  /** Durations of the last promotion. */
  handoff: z.object({ term: count, fenceMs: ms, replayMs: ms, openMs: ms }).optional(),
  /** A primary that stopped on purpose and gave the log back. */
  released: z.boolean().optional(),
  uptimeMs: ms,
  eventLoopLagMs: ms,
});

export type HeartbeatLine = z.infer<typeof heartbeatLine>;

/** Parses one line; what is wrong with it is told, not thrown: a listener goes on. */
export function parseHeartbeatLine(
  text: string,
): { readonly ok: true; readonly line: HeartbeatLine } | { readonly ok: false; readonly problem: string } {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { ok: false, problem: 'not JSON' };
  }
  const parsed = heartbeatLine.safeParse(raw);
  if (parsed.success) return { ok: true, line: parsed.data };
  return {
    ok: false,
    problem: parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '),
  };
}
