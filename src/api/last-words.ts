/**
 * last-words: how the end of an agent reaches `kubectl describe`. The agent writes one short line last; the kubelet copies the end of the log of
 * a container that failed into the pod's status (terminationMessagePolicy FallbackToLogsOnError); the operator reads it there.
 */

export interface LastWords {
  /** Of the process (EXIT). */
  readonly code: number;
  /** CamelCase, stable. */
  readonly reason: string;
  /** For people. */
  readonly detail: string;
}

/** Longest detail, characters; of a longer one the middle is left out. The kubelet keeps the last 2,048 bytes of a log: the whole line has to fit, also when every character is escaped. */
const MAX_DETAIL = 600;

/** The fields of the log line. */
export function lastWords({ code, reason, detail }: LastWords): { readonly exit: LastWords } {
  const short =
    detail.length <= MAX_DETAIL
      ? detail
      : `${detail.slice(0, MAX_DETAIL / 2)} … ${detail.slice(-MAX_DETAIL / 2)}`;
  return { exit: { code, reason, detail: short } };
}

/** What a pod's termination message says of its end; undefined when the process had no time to say anything, as one that was killed. */
export function readLastWords(terminationMessage: string): LastWords | undefined {
  for (const line of terminationMessage.split('\n').reverse()) {
    if (!line.startsWith('{')) continue;
    const said = exitOf(line);
    if (said) return said;
  }
  return undefined;
}

function exitOf(line: string): LastWords | undefined {
  try {
    const { exit } = JSON.parse(line) as { readonly exit?: Partial<LastWords> | null };
    if (typeof exit !== 'object' || exit === null) return undefined;
    const { code, reason, detail } = exit;
    if (typeof code !== 'number' || typeof reason !== 'string' || typeof detail !== 'string')
      return undefined;
    return { code, reason, detail };
  } catch {
    return undefined; // another program's line, or the end of a longer one
  }
}
