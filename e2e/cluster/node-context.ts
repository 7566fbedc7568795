/**
 * What a process node offers to the pods that run on it.
 *
 * 1. `awake` is the one gate of a frozen node: everything that would be seen from outside waits there.
 */
import type { ApiClient } from './api-client.ts';
import type { ImageMap } from './images.ts';
import type { Pod } from './kube-types.ts';
import type { Lifeline } from './lifeline.ts';
import type { PodNetwork } from './pod-network.ts';

/** See the header. */
export interface NodeContext {
  readonly index: number;
  readonly name: string;
  readonly hostIP: string;
  /** Port of the API server on 127.0.0.1. */
  readonly apiPort: number;
  /** Goes through the node's gateway. */
  readonly api: ApiClient;
  readonly network: PodNetwork;
  readonly images: ImageMap;
  readonly lifeline: Lifeline;
  /** Pods' volumes and working directories. */
  readonly directory: string;
  readonly logDirectory: string;
  readonly crashLoopBaseMs: number;
  /** Ends when the node dies. */
  readonly signal: AbortSignal;
  readonly isOperator: (pod: Pod) => boolean;
  readonly isFrozen: () => boolean;
  /** Resolves when the node is not frozen. */
  readonly awake: () => Promise<void>;
  /** One line into the node's own log. */
  readonly log: (line: string) => void;
}

/** A door that can be shut; whoever waits goes on when it opens. */
export class Gate {
  #opened: PromiseWithResolvers<void> | undefined;

  get isShut(): boolean {
    return this.#opened !== undefined;
  }

  shut(): void {
    this.#opened ??= Promise.withResolvers<void>();
  }

  open(): void {
    this.#opened?.resolve();
    this.#opened = undefined;
  }

  /** Resolves once the gate is open, however often it was shut meanwhile. */
  async pass(): Promise<void> {
    while (this.#opened !== undefined) await this.#opened.promise;
  }
}
