/**
 * What an engine is made of: tables of pairs in ascending order of keys. The meaning of commands stands above it (state.ts), once for all engines.
 *
 * Keys are strings of one character a byte (../key.ts).
 */

export interface Stored {
  /** One character a byte, as keys: a million of them cost the garbage collector a fraction of what as many byte arrays do. */
  readonly value: string;
  /** ms since 1970; 0: never. */
  readonly expiresAt: number;
}

/** A point in time of a table. Reading it needs no care about writers. */
export interface TableView {
  readonly size: number;
  /** Entries with key >= `start`, ascending. */
  entries(start?: string): Iterable<readonly [string, Stored]>;
  /** To be called when it is not needed any more; idempotent. */
  close(): void;
}

export interface Table {
  /** Pairs, expired ones included. */
  readonly size: number;
  /** Bytes of their keys and values. */
  readonly dataBytes: number;
  get(key: string): Stored | undefined;
  /** As of a view's; the loop must end before the next write. */
  entries(start?: string): Iterable<readonly [string, Stored]>;
  /** Sets or, with `after` undefined, removes. @returns what was there before */
  write(key: string, after: Stored | undefined): Stored | undefined;
  /** The first `limit` keys that expire at or before `until`, by expiry and then by key. Whoever asks removes all of them next. */
  expired(until: number, limit: number): readonly string[];
  /** O(1), or nearly. */
  view(): TableView;
}

/** The tables of one store: what it holds, and what may take that one's place. */
export interface Tables {
  readonly current: Table;
  readonly staged: Table | undefined;
  /** A new, empty staged table; one that there was is gone. */
  stage(): Table;
  /** The staged table takes the current one's place. */
  promote(): void;
  unstage(): void;
}

export function isLive({ expiresAt }: Stored, at: number): boolean {
  return expiresAt === 0 || expiresAt > at;
}
