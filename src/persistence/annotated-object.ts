/**
 * annotated-object: reads and changes the annotations of one Kubernetes object, compared by its resourceVersion (seeds.md §5.5, decision 7).
 *
 * A1  A change is decided on what was just read, and is written only if the object has not changed since; otherwise it is read and decided again.
 * A2  An answer that was lost is looked for: if what is stored is what we sent, it was committed.
 *     While an answer is missing and something else is stored, the decision is told so: what we sent may lie beneath it. Nor does a later
 *     refusal say then that nothing was written: it is told as unknown.
 * A3  Bounded: at most MAX_ATTEMPTS decisions; all annotations together stay within the server's limit.
 */
import { backoffMs, type BackoffPolicy, type Clock, type Random } from '../base/index.ts';
import { isKubeError, type KubeClient, type Resource } from '../kube/index.ts';
import { ForbiddenError, RefusedError, TooLargeError, UnavailableError } from './errors.ts';

/** Server's limit on keys and values of all annotations of an object, bytes (F5.11). */
export const MAX_ANNOTATION_BYTES: number = 256 * 1024;

export interface ObjectAddress {
  readonly kube: KubeClient;
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string;
}

export interface RetryParts {
  readonly clock: Clock;
  readonly random: Random;
}

export type Annotations = Readonly<Record<string, string>>;

const RETRY: BackoffPolicy = { firstMs: 20, factor: 2, capMs: 1000, jitter: 1 };
/** Other writers of the object (status, kubectl) are few; ten meetings with them in a row are no accident. */
const MAX_ATTEMPTS = 10;

/** Whether an answer is missing, and why (A2). */
interface OpenQuestion {
  unsure?: unknown;
}

export class AnnotatedObject {
  readonly #address: ObjectAddress;
  readonly #retry: RetryParts;
  readonly #where: string;

  constructor(address: ObjectAddress, retry: RetryParts) {
    this.#address = address;
    this.#retry = retry;
    this.#where = `${address.resource.kind} ${address.namespace}/${address.name}`;
  }

  /** @throws UnavailableError, ForbiddenError */
  async read(signal?: AbortSignal): Promise<Annotations> {
    return (await this.#get(signal)).annotations;
  }

  /**
   * Sets annotations (A1-A3).
   * @param decide gets the present annotations, and whether an earlier decision may have been committed (`unsure` holds why nobody knows);
   *   may run again, and ends the change by throwing
   * @returns all annotations as this change left them
   * @throws what `decide` throws, TooLargeError, RefusedError, UnavailableError, ForbiddenError
   */
  async change(
    decide: (current: Annotations, unsure?: unknown) => Annotations,
    signal?: AbortSignal,
  ): Promise<Annotations> {
    const open: OpenQuestion = {};
    try {
      return await this.#attempts(decide, open, signal);
    } catch (error) {
      const refused =
        error instanceof ForbiddenError || error instanceof RefusedError || error instanceof TooLargeError;
      throw refused && open.unsure !== undefined ? new UnavailableError(this.#where, open.unsure) : error; // A2
    }
  }

  async #attempts(
    decide: (current: Annotations, unsure?: unknown) => Annotations,
    open: OpenQuestion,
    signal: AbortSignal | undefined,
  ): Promise<Annotations> {
    const { kube, resource, namespace, name } = this.#address;
    let sent: Annotations | undefined;
    for (let attempt = 1; ; attempt++) {
      const { annotations, resourceVersion } = await this.#get(signal);
      if (sent && Object.entries(sent).every(([key, value]) => annotations[key] === value))
        return annotations; // A2
      sent = decide(annotations, open.unsure);
      const next = { ...annotations, ...sent };
      this.#checkSize(next);
      const patch = { metadata: { resourceVersion, annotations: sent } };
      try {
        await kube.mergePatch(resource, { namespace, name }, patch, { signal });
        return next;
      } catch (error) {
        const again = isKubeError(
          error,
          'KUBE_CONFLICT',
          'KUBE_TOO_MANY_REQUESTS',
          'KUBE_UNREACHABLE',
          'KUBE_SERVER_ERROR',
        );
        if (!again || attempt === MAX_ATTEMPTS) throw this.#told(error);
        if (!isKubeError(error, 'KUBE_CONFLICT', 'KUBE_TOO_MANY_REQUESTS')) open.unsure = error;
      }
      await this.#retry.clock.sleep(backoffMs(RETRY, attempt - 1, this.#retry.random), signal);
    }
  }

  async #get(
    signal: AbortSignal | undefined,
  ): Promise<{ annotations: Annotations; resourceVersion: string }> {
    const { kube, resource, namespace, name } = this.#address;
    signal?.throwIfAborted();
    try {
      const { metadata } = await kube.get(resource, { namespace, name }, { signal });
      return { annotations: metadata.annotations ?? {}, resourceVersion: metadata.resourceVersion };
    } catch (error) {
      throw this.#told(error);
    }
  }

  #checkSize(all: Annotations): void {
    const bytes = Object.entries(all).reduce(
      (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
      0,
    );
    if (bytes > MAX_ANNOTATION_BYTES) throw new TooLargeError(this.#where, bytes, MAX_ANNOTATION_BYTES);
  }

  #told(error: unknown): unknown {
    if (isKubeError(error, 'KUBE_FORBIDDEN', 'KUBE_UNAUTHORIZED'))
      return new ForbiddenError(this.#where, error);
    if (isKubeError(error, 'KUBE_TOO_LARGE')) return new TooLargeError(this.#where, 0, MAX_ANNOTATION_BYTES);
    if (isKubeError(error, 'KUBE_INVALID')) return new RefusedError(this.#where, error); // 422, which no 409 ever is
    return isKubeError(error) ? new UnavailableError(this.#where, error) : error;
  }
}
