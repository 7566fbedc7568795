/**
 * token-file: who this process is, by a token in a file that somebody else keeps fresh: a pod's service account, a kubeconfig's tokenFile.
 *
 * F1  The file is read again every minute, as client-go does, and at once after the server refused the token (`expire`).
 * F2  A file that cannot be read, or is empty, takes no token away: the last one may still be good, and if not the server says so.
 * F3  Blanks and line ends around the token do not belong to it.
 */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/index.ts';
import { KubeError } from './errors.ts';

/** Longest use of a token without a look at the file, ms: tokens are renewed when a fifth of their life, two minutes at least, is left. */
const READ_EVERY_MS = 60_000;

export class TokenFile {
  readonly #path: string;
  readonly #clock: Clock;
  #token: string | undefined;
  #readAtMs = -Infinity;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** @throws KubeError, KUBE_UNAUTHORIZED, when there never was a token */
  async token(): Promise<string> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#token !== undefined && nowMs - this.#readAtMs < READ_EVERY_MS) return this.#token;
    try {
      const token = (await readFile(this.#path, 'utf8')).trim(); // F3
      if (token === '') throw new Error('the file is empty');
      this.#token = token;
      this.#readAtMs = nowMs;
      return token;
    } catch (cause) {
      if (this.#token !== undefined) return this.#token; // F2
      throw new KubeError(
        'KUBE_UNAUTHORIZED',
        `The token file ${this.#path} cannot be used; check that it is mounted.`,
        {
          retryable: true,
          cause,
        },
      );
    }
  }

  /** The server refused the token (F1). */
  expire(): void {
    this.#readAtMs = -Infinity;
  }
}
