/**
 * Whether a read replica should be asked: the readiness rule of seeds.md F3.28, as a pure function.
 *
 * E1  Healthy needs all of: open, files that take what comes, at least one answer of a source, the last answer young enough, and few enough changes behind. The first that is missing is the reason.
 * E2  A replica that is ahead of its source, or has had other changes than it, is never healthy: it shows a history that the source does not have.
 */

export interface HealthLimits {
  /** Most changes behind the source. */
  readonly maxLag: number;
  /** Longest time since the last answer of a source, ms. */
  readonly maxAgeMs: number;
}

export interface HealthFacts {
  readonly closed: boolean;
  /** Its own files take nothing more. */
  readonly failed: boolean;
  /** Changes that the source has and this replica has not, as of the last answer; undefined before the first. */
  readonly lag: number | undefined;
  /** Time since the last answer of a source, ms; undefined before the first. */
  readonly ageMs: number | undefined;
  /** The source has fewer changes than this replica. */
  readonly ahead: boolean;
  /** The source has had other changes under the same numbers, and its contents are not here yet. */
  readonly diverged: boolean;
}

export type Health =
  | { readonly kind: 'healthy' }
  | {
      readonly kind: 'unhealthy';
      readonly reason:
        | 'closed'
        | 'failed'
        | 'ahead'
        | 'diverged'
        | 'no-answer-yet'
        | 'answer-too-old'
        | 'too-far-behind';
      /** For a person: what is so, and by how much. */
      readonly message: string;
    };

/** E1, E2. */
export function healthOf(facts: HealthFacts, limits: HealthLimits): Health {
  if (facts.closed) return unhealthy('closed', 'it is closed');
  if (facts.failed) return unhealthy('failed', 'its own files take nothing more; its log says why');
  if (facts.ahead)
    return unhealthy(
      'ahead',
      'it has changes that its source does not have: the source was set back to an earlier state, or is another store. It loads the contents of the source once that has as many changes, or at once when it is started on an empty directory',
    );
  if (facts.diverged)
    return unhealthy(
      'diverged',
      'its source has had other changes under the same numbers: it was set back and written on, or is another store. Its contents are being loaded',
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
