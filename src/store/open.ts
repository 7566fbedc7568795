/**
 * From a URL to a store: the one place that knows which adapter serves which scheme.
 */
import {
  silentLogger,
  systemClock,
  systemRandom,
  unreachable,
  type Clock,
  type Logger,
  type Metrics,
  type Random,
} from '../base/index.ts';
import { FileStore } from './file/file-store.ts';
import { MemoryStore } from './memory.ts';
import { MeteredStore, storeMetrics, type StoreMetrics } from './metered.ts';
import { S3Store } from './s3/s3-store.ts';
import type { ObjectStore } from './types.ts';
import { parseStoreUrl, type StoreLocation } from './url.ts';

/** Keys for an S3 store. Never logged, never part of a URL. */
export interface StoreCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface OpenStoreOptions {
  /** S3 only; without it the SDK's chain: environment, profile, web identity, container or instance role. */
  readonly credentials?: StoreCredentials | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly log?: Logger | undefined;
  readonly metrics?: Metrics | undefined;
}

/**
 * Opens the store that `url` names. Nothing is sent and nothing is checked yet: probeStore does that.
 * `memory:` gives a new, empty store each time.
 * @throws StoreUrlError
 */
export function openStore(url: string, options: OpenStoreOptions = {}): ObjectStore {
  const clock = options.clock ?? systemClock;
  const metrics = options.metrics && storeMetrics(options.metrics);
  const store = openLocation(parseStoreUrl(url), options, clock, metrics);
  return metrics ? new MeteredStore(store, metrics, clock) : store;
}

function openLocation(
  location: StoreLocation,
  options: OpenStoreOptions,
  clock: Clock,
  metrics: StoreMetrics | undefined,
): ObjectStore {
  const log = options.log ?? silentLogger;
  const random = options.random ?? systemRandom;
  switch (location.scheme) {
    case 'memory':
      return new MemoryStore({ clock });
    case 'file':
      return new FileStore(location, { random, log });
    case 's3':
      return new S3Store(location, {
        credentials: options.credentials,
        clock,
        random,
        log,
        onRetry: (operation, code) => metrics?.retries.add(1, { operation, code }),
        onSent: (request, status) => metrics?.sent.add(1, { request, status }),
      });
  }
  return unreachable(location);
}
