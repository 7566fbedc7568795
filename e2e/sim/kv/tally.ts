/**
 * What happened in a world of the key-value service, counted: a simulation that met nothing proves nothing.
 */
const COUNTS = [
  /** Operations that were answered, and mutations that never were. */
  'answered',
  'unknown',
  /** Attempts of one operation after its first, and sessions that clients began. */
  'retries',
  'sessions',
  /** Attempts that came to a replica that was not the primary. */
  'misled',
  /** Promotions that were ordered, and primaries that came to serve. */
  'promotions',
  'primaries',
  /** Of primaries: those that others fenced, those that were killed, paused, or told to hand over. */
  'fenced',
  'killed',
  'paused',
  'handovers',
  /** Standbys that died. */
  'standbysLost',
  /** Snapshots and hints that primaries wrote, and lives that began from hints. */
  'snapshots',
  'hints',
  'fromHints',
  /** States whose hash was compared with that of another replica at the same index. */
  'hashesCompared',
] as const;

export type KvTally = Record<(typeof COUNTS)[number], number>;

export function emptyKvTally(): KvTally {
  return Object.fromEntries(COUNTS.map((count) => [count, 0])) as KvTally;
}
