/**
 * How far a player is: what people and agents look at.
 */
export interface PlayerProgress {
  /**
   * restoring: from hints to the head. tailing: following the log. finishing: the files get their names. live: done.
   */
  readonly phase: 'restoring' | 'tailing' | 'finishing' | 'live';
  /** Offset up to which the log has been applied. */
  readonly appliedOffset: number;
  /** End of the log as last known. */
  readonly headOffset: number;
  /** Content bytes read, and how many there are to read as far as known; what hints skip is in neither. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesPerSecond: number;
  readonly etaSeconds: number | undefined;
  readonly appliedOps: number;
  readonly ignoredOps: number;
  /** Files that are alive, as far as the log was applied. */
  readonly files: number;
}

/** Bytes read against bytes planned. */
export class ReadProgress {
  #startedMs = 0;
  #done = 0;
  /** What the plan says, and for which head. */
  #planned = { bytes: 0, head: 0 };

  start(nowMs: number): void {
    this.#startedMs = nowMs;
  }

  plan(bytes: number, head: number): void {
    this.#planned = { bytes, head };
  }

  add(bytes: number): void {
    this.#done += bytes;
  }

  /** @param headOffset end of the log as last known; @param left bytes to its end when following; undefined while restoring */
  at(
    nowMs: number,
    headOffset: number,
    left: number | undefined,
  ): Pick<PlayerProgress, 'bytesDone' | 'bytesTotal' | 'bytesPerSecond' | 'etaSeconds'> {
    const bytesDone = this.#done;
    const grown = Math.max(0, headOffset - this.#planned.head);
    const rest = left ?? Math.max(0, this.#planned.bytes + grown - bytesDone);
    const seconds = (nowMs - this.#startedMs) / 1000;
    const bytesPerSecond = seconds > 0 ? bytesDone / seconds : 0;
    const etaSeconds = rest === 0 ? 0 : bytesPerSecond > 0 ? rest / bytesPerSecond : undefined;
    return { bytesDone, bytesTotal: bytesDone + rest, bytesPerSecond, etaSeconds };
  }
}
