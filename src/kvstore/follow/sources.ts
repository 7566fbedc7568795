/**
 * Which of several replicas a read replica follows (seeds.md F3.29).
 *
 * C1  Groups are in order of preference: the first group is, say, the own zone. A later group is used only while every source of the earlier ones fails.
 * C2  Within a group standbys come before the primary, which has enough to do, and chance decides among equals, so that many read replicas spread out.
 * C3  A source that failed rests, and rests longer each time. When all rest, the one that may be asked first is asked: no source is lost for good.
 * C4  The chosen source is kept until it fails or a better one has rested enough. A role is not known before the first answer and counts as the better one,
 *     so each is asked once.
 */
import { assert, backoffMs, type BackoffPolicy, type Random } from '../../base/index.ts';
import { type ReplicaRole } from '../service.ts';

/** How long a source rests after a failure: a restart of a process costs one short rest, a dead zone few requests. */
const REST: BackoffPolicy = { firstMs: 500, factor: 2, capMs: 30_000, jitter: 0.3 };

interface Known {
  readonly url: URL;
  readonly group: number;
  role: ReplicaRole | undefined;
  failures: number;
  restsUntilMs: number;
}

export class Sources {
  readonly #known: readonly Known[];
  readonly #random: Random;
  #current: Known | undefined;

  /** @param groups at least one source in all */
  constructor(groups: readonly (readonly URL[])[], random: Random) {
    this.#known = groups.flatMap((urls, group) =>
      urls.map((url): Known => ({ url, group, role: undefined, failures: 0, restsUntilMs: 0 })),
    );
    assert(this.#known.length > 0, 'a read replica follows at least one source');
    this.#random = random;
  }

  /** The source to ask now, and how long to wait before, ms (0 unless all of them rest). */
  choose(nowMs: number): { readonly url: URL; readonly waitMs: number } {
    this.#current ??= this.#best(nowMs);
    return { url: this.#current.url, waitMs: Math.max(0, this.#current.restsUntilMs - nowMs) };
  }

  /** The chosen source answered, and said what it is. */
  answered(nowMs: number, role: ReplicaRole): void {
    const current = this.#current;
    if (!current) return;
    current.failures = 0;
    current.role = role;
    if (this.#awake(nowMs).some((other) => isBetter(other, current))) this.#current = undefined; // C4
  }

  /** The chosen source did not answer, or not what is needed: another one is chosen next (C3). */
  failed(nowMs: number): void {
    const current = this.#current;
    if (!current) return;
    current.restsUntilMs = nowMs + backoffMs(REST, current.failures, this.#random);
    current.failures++;
    this.#current = undefined;
  }

  #awake(nowMs: number): readonly Known[] {
    return this.#known.filter(({ restsUntilMs }) => restsUntilMs <= nowMs);
  }

  #best(nowMs: number): Known {
    const awake = this.#awake(nowMs);
    if (awake.length === 0) return this.#known.reduce((a, b) => (b.restsUntilMs < a.restsUntilMs ? b : a));
    const equals = awake.filter((one) => !awake.some((other) => isBetter(other, one)));
    return equals[this.#random.below(equals.length)]!;
  }
}

/** C1, C2. */
function isBetter(a: Known, b: Known): boolean {
  if (a.group !== b.group) return a.group < b.group;
  return a.role !== 'primary' && b.role === 'primary';
}
