/**
 * Whether a read replica should be asked: the readiness rule of seeds.md F3.28, as a pure function.
 *
 * E1  Healthy needs all of: open, at least one answer of a source, the last answer young enough, and few enough changes behind. The first that is missing is the reason.
 * E2  A replica that is ahead of its source is never healthy: it shows a history that the source does not have.
 */

export interface HealthLimits {
  /** Most changes behind the source. */
  readonly maxLag: number;
  /** Longest time since the last answer of a source, ms. */
  readonly maxAgeMs: number;
}

export interface HealthFacts {
  readonly closed: boolean;
  /** Changes that the source has and this replica has not, as of the last answer; undefined before the first. */
  readonly lag: number | undefined;
  /** Time since the last answer of a source, ms; undefined before the first. */
  readonly ageMs: number | undefined;
  /** The source has fewer changes than this replica. */
  readonly ahead: boolean;
}

export type Health =
  | { readonly kind: 'healthy' }
  | {
      readonly kind: 'unhealthy';
      readonly reason: 'closed' | 'ahead' | 'no-answer-yet' | 'answer-too-old' | 'too-far-behind';
      /** For a person: what is so, and by how much. */
      readonly message: string;
    };

/** E1, E2. */
export function healthOf(facts: HealthFacts, limits: HealthLimits): Health {
  if (facts.closed) return unhealthy('closed', 'it is closed');
  if (facts.ahead)
    return unhealthy(
      'ahead',
      'it has changes that its source does not have: the source was restored to an earlier state, or is another store. Start it again on an empty directory',
    );
  if (facts.lag === undefined || facts.ageMs === undefined)
    return unhealthy('no-answer-yet', 'no source has answered yet');
  if (facts.ageMs > limits.maxAgeMs)
    return unhealthy(
      'answer-too-old',
      `no source has answered for ${Math.round(facts.ageMs)} ms, at most ${limits.maxAgeMs} ms are allowed`,
    );
  if (facts.lag > limits.maxLag)
    return unhealthy(
      'too-far-behind',
      `it is ${facts.lag} changes behind its source, at most ${limits.maxLag} are allowed`,
    );
  return { kind: 'healthy' };
}

function unhealthy(
  reason: Extract<Health, { kind: 'unhealthy' }>['reason'],
  message: string,
): Extract<Health, { kind: 'unhealthy' }> {
  return { kind: 'unhealthy', reason, message };
}
