/**
 * Objects as a user handles them: applied by kubectl, judged by their conditions and events.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HarnessError, hasStatus, type Cluster } from '../cluster/index.ts';

const GROUP = '/apis/holdfast.dev/v1alpha1/namespaces';
const POLL_MS = 100;

/** A kind of ours, by its plural. */
export type Plural = 'journalstores' | 'recoverylogs' | 'shards';

interface ConditionShape {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

interface AnyObject {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly status?: { readonly conditions?: readonly ConditionShape[] };
}

interface EventShape {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly involvedObject: { readonly kind: string; readonly name: string };
}

/** kubectl apply of manifests. Throws HarnessError COMMAND_FAILED with kubectl's words. */
export async function applyObjects(cluster: Cluster, ...objects: readonly object[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  const { code, stderr } = await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(list) });
  if (code !== 0) throw new HarnessError('COMMAND_FAILED', `kubectl apply: ${stderr.trim()}`);
}

/** An S3 store with its keys, both named `name`. */
export function s3Store(
  name: string,
  s3: { readonly endpoint: string; readonly bucket: string },
  keys: { readonly accessKeyId: string; readonly secretAccessKey: string },
  more: object = {},
): readonly object[] {
  const stringData = { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey };
  const { endpoint, bucket } = s3;
  const credentials = { secretRef: { name } };
  return [
    { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'default' }, stringData },
    {
      apiVersion: 'holdfast.dev/v1alpha1',
      kind: 'JournalStore',
      metadata: { name, namespace: 'default' },
      spec: { s3: { bucket, endpoint, forcePathStyle: true, credentials }, ...more },
    },
  ];
}

/** A shard of the key-value service. */
export function kvShard(name: string, store: string, more: object = {}): object {
  return {
    apiVersion: 'holdfast.dev/v1alpha1',
    kind: 'Shard',
    metadata: { name, namespace: 'default' },
    spec: { storeRef: { name: store }, standbys: 1, application: { name: 'kv' }, ...more },
  };
}

/** The object, undefined when there is none. */
export async function getObject(
  cluster: Cluster,
  plural: Plural,
  name: string,
): Promise<AnyObject | undefined> {
  try {
    return await cluster.api.get<AnyObject>(`${GROUP}/default/${plural}/${name}`);
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

/** Waits for a condition; resolves with its message. Throws HarnessError TIMEOUT that shows the conditions as they are. */
export async function untilCondition(
  cluster: Cluster,
  [plural, name, type]: readonly [Plural, string, string],
  wanted: { readonly status: string; readonly reason?: string; readonly containing?: string },
  timeoutMs = 60_000,
): Promise<string> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const conditions = (await getObject(cluster, plural, name))?.status?.conditions ?? [];
    const found = conditions.find((condition) => condition.type === type);
    const isIt = found?.status === wanted.status && (wanted.reason ?? found.reason) === found.reason;
    if (isIt && found.message.includes(wanted.containing ?? '')) return found.message;
    if (performance.now() > deadline) {
      throw new HarnessError(
        'TIMEOUT',
        `${plural}/${name}: waited ${timeoutMs} ms for ${type} ${JSON.stringify(wanted)}; has ${JSON.stringify(conditions)}`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** Waits for an event about the object whose message has `containing` in it; resolves with its message. Throws HarnessError TIMEOUT with the events there are. */
export async function untilEvent(
  cluster: Cluster,
  [kind, name]: readonly [kind: string, name: string],
  reason: string,
  containing = '',
  timeoutMs = 10_000,
): Promise<string> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const { items } = await cluster.api.get<{ items: EventShape[] }>('/api/v1/namespaces/default/events');
    const own = items.filter(({ involvedObject: of }) => of.kind === kind && of.name === name);
    const found = own.find((event) => event.reason === reason && event.message?.includes(containing));
    if (found !== undefined) return found.message ?? '';
    if (performance.now() > deadline)
      throw new HarnessError(
        'TIMEOUT',
        `no event ${reason} '${containing}' about ${kind} ${name}; there are ${JSON.stringify(own)}`,
      );
    await sleep(POLL_MS);
  }
}
