/**
 * Opens the store that a JournalStore names, with the credentials of its secret.
 *
 * S1  A secret is read by the name that the spec gives, when it is needed, and kept nowhere; nothing of it is ever logged or told.
 */
import { z } from 'zod';
import type { JournalStore } from '../../src/api/index.ts';
import { HoldfastError, type Clock, type Logger, type Metrics, type Random } from '../../src/base/index.ts';
import { isKubeError, RESOURCES, type KubeClient } from '../../src/kube/index.ts';
import { formatStoreUrl, openStore, type ObjectStore, type StoreCredentials } from '../../src/store/index.ts';

/** The secret that a store names is not there, or lacks a key. */
export class SecretError extends HoldfastError {
  declare readonly code: 'SECRET_MISSING' | 'SECRET_INCOMPLETE';

  constructor(code: 'SECRET_MISSING' | 'SECRET_INCOMPLETE', secret: string, problem: string) {
    super(code, `Secret ${secret} ${problem}.`, { fields: { secret, problem } });
  }
}

export interface StoreOpener {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  /** For tests; openStore of src/store by default. */
  readonly open?: typeof openStore | undefined;
}

export interface ReadCredentials {
  readonly credentials: StoreCredentials | undefined;
  /** Changes whenever the secret does; empty without one. */
  readonly version: string;
}

const secretParts = z.looseObject({ data: z.record(z.string(), z.string()).optional() });

const KEYS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'] as const;

/** The store's URL, without credentials. @throws StoreUrlError when the spec names no valid place */
export function storeUrlOf({ spec }: JournalStore): string {
  if (spec.file) return formatStoreUrl({ scheme: 'file', path: spec.file.path });
  const { bucket, prefix, region, endpoint, forcePathStyle } = spec.s3!;
  return formatStoreUrl({
    scheme: 's3',
    bucket,
    prefix: (prefix ?? '').replaceAll(/^\/+|\/+$/g, ''),
    endpoint: endpoint === undefined ? undefined : new URL(endpoint).origin,
    region,
    forcePathStyle,
  });
}

/** Credentials of the secret that the store names. @throws SecretError, KubeError */
export async function readCredentials(
  kube: KubeClient,
  store: JournalStore,
  signal: AbortSignal,
): Promise<ReadCredentials> {
  const name = store.spec.s3?.credentials?.secretRef.name;
  if (name === undefined) return { credentials: undefined, version: '' };
  const { namespace } = store.metadata;
  const secret = await kube
    .get(RESOURCES.secret, { namespace, name }, { signal })
    .catch((thrown: unknown) => {
      if (isKubeError(thrown, 'KUBE_NOT_FOUND'))
        throw new SecretError('SECRET_MISSING', `${namespace}/${name}`, 'does not exist; create it');
      throw thrown;
    });
  const data = secretParts.parse(secret).data ?? {};
  const [accessKeyId, secretAccessKey, sessionToken] = KEYS.map((key) => decoded(data[key]));
  if (!accessKeyId || !secretAccessKey) {
    const lacking = KEYS.slice(0, 2).filter((key) => !data[key]);
    throw new SecretError('SECRET_INCOMPLETE', `${namespace}/${name}`, `lacks ${lacking.join(' and ')}`);
  }
  const version = `${secret.metadata.uid}/${secret.metadata.resourceVersion}`;
  return { credentials: { accessKeyId, secretAccessKey, sessionToken }, version };
}

/** Opens the store; the caller closes it. */
export function openFor(opener: StoreOpener, url: string, read: ReadCredentials): ObjectStore {
  const { clock, random, log, metrics, open = openStore } = opener;
  return open(url, { credentials: read.credentials, clock, random, log, metrics });
}

function decoded(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('utf8').trim();
}
