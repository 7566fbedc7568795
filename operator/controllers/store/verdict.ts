/**
 * From the outcome of a look at a store to what its status says: a pure function.
 *
 * D1  The reason names who has to act: SecretMissing and CredentialsRejected the owner of the keys, BucketMissing and StoreUnsafe the owner of
 *     the bucket, SpecInvalid whoever wrote the object, StoreUnreachable usually nobody: it is tried again soon.
 * D2  An unreachable store is not judged: its last probe stays in the status, and Ready becomes Unknown, not False. Pods that run are not
 *     affected by it, and none are made meanwhile.
 */
import type { ConditionNews } from '../../../src/api/index.ts';
import { ensureError, errorCode } from '../../../src/base/index.ts';
import type { ProbeReport } from '../../../src/store/index.ts';

export type LookOutcome =
  | { readonly kind: 'probed'; readonly report: ProbeReport }
  | { readonly kind: 'failed'; readonly error: unknown };

type Fault = readonly [reason: string, status: 'False' | 'Unknown'];

const FAULTS: Readonly<Record<string, Fault>> = {
  SECRET_MISSING: ['SecretMissing', 'False'],
  SECRET_INCOMPLETE: ['SecretIncomplete', 'False'],
  STORE_DENIED: ['CredentialsRejected', 'False'],
  STORE_NO_CREDENTIALS: ['CredentialsMissing', 'False'],
  STORE_NO_BUCKET: ['BucketMissing', 'False'],
  STORE_WRONG_REGION: ['WrongRegion', 'False'],
  STORE_CLOCK_SKEW: ['ClockSkew', 'False'],
  STORE_UNSUPPORTED: ['StoreUnsafe', 'False'],
  STORE_BAD_REQUEST: ['StoreRefused', 'False'],
  STORE_FULL: ['StoreFull', 'False'],
  STORE_TLS: ['StoreUntrusted', 'False'],
  STORE_URL_INVALID: ['SpecInvalid', 'False'],
  ERR_INVALID_URL: ['SpecInvalid', 'False'],
};

/** D2: whatever is not known to need somebody. */
const UNREACHABLE: Fault = ['StoreUnreachable', 'Unknown'];

/** The Ready condition. */
export function verdict(outcome: LookOutcome): ConditionNews {
  if (outcome.kind === 'probed') return judged(outcome.report);
  const error = ensureError(outcome.error);
  const [reason, status] = FAULTS[errorCode(error) ?? ''] ?? UNREACHABLE;
  return { type: 'Ready', status, reason, message: error.message };
}

function judged(report: ProbeReport): ConditionNews {
  if (report.ok) {
    const count = report.properties.length;
    return {
      type: 'Ready',
      status: 'True',
      reason: 'ProbePassed',
      message: `The store keeps all ${count} promises that a journal stands on.`,
    };
  }
  const broken = report.properties.filter((property) => !property.ok);
  return {
    type: 'Ready',
    status: 'False',
    reason: 'StoreUnsafe',
    message: `The store cannot hold a journal: ${broken.map((p) => `${p.name}: ${p.detail}`).join('; ')}. Use another store.`,
  };
}
