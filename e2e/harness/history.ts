/**
 * What clients saw of one shard, and the verdict on it. Pure: the workload fills it in, tests and the demo ask.
 *
 * K1  A write is acknowledged when its response said so; then it must be there at the end, with its value.
 * K2  Every write also sets the shard's `latest` to its number. A linearizable read of `latest` that began after write n was
 *     acknowledged must answer n or more; less is a stale read.
 * K3  Numbers never go back: a read that answers less than an earlier, finished read did is stale too.
 */

export interface Acknowledged {
  readonly number: number;
  readonly atMs: number;
}

export interface Verdict {
  readonly acknowledged: number;
  readonly lost: number;
  readonly staleReads: number;
  readonly reads: number;
  /** First few keys that were lost, for the report. */
  readonly lostExamples: readonly string[];
}

const EXAMPLES = 5;

export function writeKey(number: number): string {
  return `w/${String(number).padStart(10, '0')}`;
}

export class History {
  readonly #acknowledged: Acknowledged[] = [];
  #latestAcknowledged = 0;
  #latestRead = 0;
  #staleReads = 0;
  #reads = 0;
  readonly stale: { readonly atLeast: number; readonly got: number }[] = [];

  get acknowledgedCount(): number {
    return this.#acknowledged.length;
  }

  get latestAcknowledged(): number {
    return this.#latestAcknowledged;
  }

  acknowledge(number: number, atMs: number): void {
    this.#acknowledged.push({ number, atMs });
    this.#latestAcknowledged = Math.max(this.#latestAcknowledged, number);
  }

  /** What a read that begins now must at least answer (K2, K3). */
  readBegins(): number {
    return Math.max(this.#latestAcknowledged, this.#latestRead);
  }

  readEnds(atLeast: number, got: number): void {
    this.#reads++;
    if (got < atLeast) {
      this.#staleReads++;
      if (this.stale.length < EXAMPLES) this.stale.push({ atLeast, got });
    }
    this.#latestRead = Math.max(this.#latestRead, got);
  }

  /** The longest pause between two acknowledgements that overlaps [fromMs, toMs], ms; the pause may reach beyond both ends. */
  longestGapMs(fromMs: number, toMs: number): number {
    let longest = 0;
    for (let i = 1; i < this.#acknowledged.length; i++) {
      const before = this.#acknowledged[i - 1]!.atMs;
      const after = this.#acknowledged[i]!.atMs;
      if (after >= fromMs && before <= toMs) longest = Math.max(longest, after - before);
    }
    return longest;
  }

  /** The verdict, given everything that the shard holds at the end (key -> value). */
  verdict(contents: ReadonlyMap<string, string>): Verdict {
    const lost = this.#acknowledged.filter(({ number }) => contents.get(writeKey(number)) !== String(number));
    return {
      acknowledged: this.#acknowledged.length,
      lost: lost.length,
      staleReads: this.#staleReads,
      reads: this.#reads,
      lostExamples: lost.slice(0, EXAMPLES).map(({ number }) => writeKey(number)),
    };
  }
}
