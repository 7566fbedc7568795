/**
 * How a life ends: from whatever was thrown to an exit code with a reason (DESIGN §4.4). One table, so that an exit code means one thing.
 */
import { EXIT } from '../api/index.ts';
import { ensureError, errorCode, HoldfastError } from '../base/index.ts';
import type { AgentExit } from './state.ts';

interface Row {
  readonly codes: readonly string[];
  readonly exit: Pick<AgentExit, 'code' | 'reason'>;
}

const TABLE: readonly Row[] = [
  {
    codes: ['CONFIG_INVALID', 'STORE_URL_INVALID', 'SESSION_OPTIONS_INVALID', 'JOURNAL_NAME_INVALID'],
    exit: { code: EXIT.configuration, reason: 'ConfigurationInvalid' },
  },
  { codes: ['FENCED', 'STALE_TERM'], exit: { code: EXIT.fenced, reason: 'Fenced' } },
  {
    codes: [
      'DATA_LOSS',
      'CORRUPT_SLOT',
      'JOURNAL_TOO_NEW',
      'REPLAY_FAILED',
      'HISTORY_LOST',
      'HINTS_INVALID',
      'RESTORE_FAILED',
      'STATE_DAMAGED',
      'STATE_HISTORY_BROKEN',
      'STATE_ENVELOPE',
    ],
    exit: { code: EXIT.dataLoss, reason: 'DataLoss' },
  },
  { codes: ['ENOSPC', 'EDQUOT', 'DISK_FULL'], exit: { code: EXIT.localDisk, reason: 'DiskFull' } },
  { codes: ['EIO', 'EROFS', 'EMFILE', 'ENFILE'], exit: { code: EXIT.localDisk, reason: 'LocalDiskFailed' } },
  {
    codes: ['STORE_DENIED', 'STORE_NO_BUCKET', 'STORE_UNFIT', 'STORE_BAD_REQUEST', 'STORE_FULL'],
    exit: { code: EXIT.storeRefused, reason: 'StoreRefused' },
  },
  {
    codes: ['APPEND_UNKNOWN', 'STORE_UNREACHABLE', 'STORE_TIMEOUT', 'STORE_SERVER_ERROR', 'STORE_THROTTLED'],
    exit: { code: EXIT.storeRefused, reason: 'StoreUnreachable' },
  },
];

/** Deepest chain of causes that is looked through; ours are half as long. */
const MAX_CAUSES = 8;

/** The most telling code in a chain of causes: the deepest one that the table knows. */
function knownRow(error: unknown): Row | undefined {
  let found: Row | undefined;
  for (let at: unknown = error, depth = 0; Error.isError(at) && depth < MAX_CAUSES; at = at.cause, depth++) {
    const code = errorCode(at);
    const row = code === undefined ? undefined : TABLE.find((candidate) => candidate.codes.includes(code));
    if (row) found = row;
  }
  return found;
}

/** The exit that `thrown` means. */
export function exitFor(thrown: unknown): AgentExit {
  const error = ensureError(thrown);
  const row = knownRow(error);
  return {
    code: row?.exit.code ?? EXIT.internal,
    reason: row?.exit.reason ?? 'InternalError',
    message: error.message,
    released: false,
    error:
      error instanceof HoldfastError ? error : new HoldfastError('INTERNAL', error.message, { cause: error }),
  };
}

/** Why, down to the first cause, with the code of each: what `kubectl describe` shows of an end. */
export function explain({ message, error }: AgentExit): string {
  if (error === undefined) return message;
  const parts: string[] = [];
  let above = '';
  for (let at: unknown = error; Error.isError(at) && parts.length < MAX_CAUSES; at = at.cause) {
    const code = errorCode(at);
    if (at.message !== above) parts.push(code === undefined ? at.message : `${at.message} (${code})`);
    above = at.message;
  }
  return parts.join(' Because: ');
}

export function released(reason: string, message: string): AgentExit {
  return { code: EXIT.ok, reason, message, released: true };
}
