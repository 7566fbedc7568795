/**
 * How much the server takes on at once. Beyond it a request is turned away before its body is read.
 *
 * M1  Requests under way and the bytes of their bodies never pass the limits; whoever entered leaves exactly once.
 */

/** Requests under way. A group commit of 250 ms at 4 writes/ms waits for a thousand; twice that leaves room for reads beside them. */
export const MAX_REQUESTS_UNDER_WAY = 2048;

/** Bodies of requests under way together, bytes: bounds the memory a burst of large values takes. */
export const MAX_BODY_BYTES_UNDER_WAY: number = 64 * 1024 * 1024;

export interface AdmissionLimits {
  readonly requests: number;
  readonly bodyBytes: number;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  #requests = 0;
  #bodyBytes = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get requests(): number {
    return this.#requests;
  }

  /** Takes a place for a request of at most `bodyBytes`; undefined when there is none, else the way to give it back (callable twice, M1). */
  enter(bodyBytes: number): (() => void) | undefined {
    if (this.#requests >= this.#limits.requests) return undefined;
    if (this.#bodyBytes + bodyBytes > this.#limits.bodyBytes) return undefined;
    this.#requests++;
    this.#bodyBytes += bodyBytes;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#requests--;
      this.#bodyBytes -= bodyBytes;
    };
  }
}
