/**
 * What every controller is given: the API server to write to, caches to read from, somebody to tell, time and chance.
 */
import type { Clock, Logger, Metrics, Random } from '../../src/base/index.ts';
import type { KubeClient } from '../../src/kube/index.ts';
import type { Caches } from './caches.ts';
import type { EventSink } from './events.ts';

export interface ControllerPorts {
  readonly kube: KubeClient;
  readonly caches: Caches;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
}

/** Owner of the fields that the operator applies. */
export const FIELD_MANAGER = 'holdfast-operator';

/** The wall clock as the API writes it; for people, never compared. */
export function timestamp(clock: Clock): string {
  return `${new Date(clock.wallMs()).toISOString().slice(0, 19)}Z`;
}
