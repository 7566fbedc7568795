/**
 * What an engine says when it does not do what was asked. http/ gives these codes their statuses.
 */
import { HoldfastError } from '../../base/index.ts';

/** Another backup, restore or replacement is under way; nothing was done. */
export class BusyError extends HoldfastError {
  constructor(under: string) {
    super('KV_BUSY', `The store is busy: ${under} is under way. Try again when it is done.`, {
      fields: { under },
    });
  }
}

/** Changes that were asked for, or come next, are missing. */
export class GapError extends HoldfastError {
  readonly oldestAvailable: number;

  constructor(from: number, oldestAvailable: number) {
    super(
      'KV_CHANGES_GAP',
      `The changes from ${from} on are not all there; the oldest is ${oldestAvailable}. Load a snapshot and go on from its number.`,
      { fields: { from, oldestAvailable } },
    );
    this.oldestAvailable = oldestAvailable;
  }
}

/** Whoever asks knows later changes than there are. */
export class AheadError extends HoldfastError {
  readonly latest: number;

  constructor(from: number, latest: number) {
    super(
      'KV_CHANGES_AHEAD',
      `Change ${from} was asked for, and ${latest} is the latest: this is another store, or one that was set back. Load a snapshot.`,
      { fields: { from, latest } },
    );
    this.latest = latest;
  }
}

/** Whoever asks has had other changes under the same numbers. */
export class DivergedError extends HoldfastError {
  constructor(number: number, history: string) {
    super(
      'KV_CHANGES_DIVERGED',
      `Change ${number} with the identity ${history} is not one of this store, which was set back and written on, or is another one. Load a snapshot.`,
      { fields: { number, history } },
    );
  }
}

/** A call after close. */
export class ClosedError extends HoldfastError {
  constructor() {
    super('KV_CLOSED', 'The store is closed. Open it again.');
  }
}

/** A backup that cannot be made or restored; the store is as it was. */
export class BackupError extends HoldfastError {
  constructor(url: string, problem: string, cause?: unknown) {
    super('KV_BACKUP', `The backup at ${url} ${problem}.`, { fields: { url, problem }, cause });
  }
}
