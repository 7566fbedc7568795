/**
 * Filling a key-value service with keys, as fast as it takes them: in large batches, a few at a time. No figure is made of it.
 */
import { randomBytes } from 'node:crypto';
import { grpcRequest, openGrpc } from './load/grpc-wire.ts';
import { keyOf } from './load/requests.ts';

/** Pairs of a batch, and batches under way. */
const BATCH_PAIRS = 1000;
const UNDER_WAY = 4;

interface Fill {
  readonly port: number;
  readonly keys: number;
  readonly valueBytes: number;
}

interface Pair {
  readonly key: string;
  readonly value: string;
}

/** Gives `send` all keys in batches, each value random text that no two keys share. */
async function inBatches(
  { keys, valueBytes }: Fill,
  send: (pairs: readonly Pair[]) => Promise<void>,
): Promise<void> {
  let next = 0;
  const fill = async (): Promise<void> => {
    while (next < keys) {
      const from = next;
      next = Math.min(keys, from + BATCH_PAIRS);
      const text = randomBytes((next - from) * valueBytes).toString('base64');
      const pairs = Array.from({ length: next - from }, (_, n) => ({
        key: keyOf(from + n),
        value: text.slice(n * valueBytes, (n + 1) * valueBytes),
      }));
      await send(pairs);
    }
  };
  await Promise.all(Array.from({ length: UNDER_WAY }, fill));
}

async function post(url: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${text}`);
}

/** Our service. */
export async function fillHoldfast(fill: Fill): Promise<void> {
  await inBatches(fill, (pairs) => post(`http://127.0.0.1:${fill.port}/v1/batch`, { pairs }));
}

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

/** etcd, by transactions of its JSON gateway. */
export async function fillEtcd(fill: Fill): Promise<void> {
  await inBatches(fill, (pairs) =>
    post(`http://127.0.0.1:${fill.port}/v3/kv/txn`, {
      success: pairs.map(({ key, value }) => ({
        requestPut: { key: base64(key), value: base64(value) },
      })),
    }),
  );
}

/** How many keys are looked at, evenly spread: as many as one read may name. */
const CHECKED_KEYS = 1000;

/** @throws when our service lacks one of its keys: a restore that lost something is no figure */
export async function checkHoldfast({ port, keys }: Omit<Fill, 'valueBytes'>): Promise<void> {
  const step = Math.max(1, Math.floor(keys / CHECKED_KEYS));
  const asked = Array.from({ length: Math.min(keys, CHECKED_KEYS) }, (_, n) => keyOf(n * step));
  const query = asked.map((key) => `key=${key}`).join('&');
  const response = await fetch(`http://127.0.0.1:${port}/v1/kv?${query}`);
  const { values } = (await response.json()) as { readonly values: readonly unknown[] };
  const missing = asked.filter((_, n) => values[n] === null || values[n] === undefined);
  if (missing.length > 0)
    throw new Error(`${missing.length} of ${asked.length} keys are missing: ${missing[0]}`);
}

/** Between two questions to an etcd that may not be up, ms: as our service is asked (kv-host.ts). */
const ASK_MS = 25;

/** Resolves when etcd has answered a linearizable read. */
export async function etcdAnswers(port: number): Promise<void> {
  const body = JSON.stringify({ key: base64(keyOf(0)) });
  for (;;) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/v3/kv/range`, { method: 'POST', body });
      const answer = (await response.json()) as { readonly count?: string };
      if (answer.count === '1') return;
    } catch {
      // not listening yet
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
  }
}

/** Reads etcd's whole database, as `etcdctl snapshot save` does, and keeps nothing. @param leastBytes it has, or something is wrong */
export async function etcdSnapshot(port: number, leastBytes: number): Promise<void> {
  const answered = Promise.withResolvers<void>();
  const wire = await openGrpc(port, { answered: () => answered.resolve(), failed: answered.reject });
  wire.send(0, grpcRequest('/etcdserverpb.Maintenance/Snapshot', Buffer.alloc(0)), leastBytes);
  try {
    await answered.promise;
  } finally {
    wire.close();
  }
}
