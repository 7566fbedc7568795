/**
 * A store that lies, over real HTTP: an S3 front before a real server, with one lie between them.
 *
 * Client -> HTTP -> front -> the lie -> S3 adapter -> HTTP -> the real server. All other requests and answers pass unharmed.
 */
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { openStore } from '../../src/store/index.ts';
import { FaultyStore, type Lie } from '../../src/store/testing/index.ts';
import type { S3Server } from '../cluster/index.ts';
import { serveS3 } from './s3-front.ts';

export interface LyingS3 {
  readonly endpoint: string;
  /** Store URL as Holdfast takes it, with the bucket of the server behind. */
  readonly url: string;
  /** Requests that were answered under the lie. */
  readonly told: () => number;
  /** Idempotent. The server behind runs on. */
  close(): Promise<void>;
}

/** Stands in front of `server` and tells `lie` until closed; without a lie it is honest. */
export async function startLyingStore(server: S3Server, lie: Lie | undefined): Promise<LyingS3> {
  const inner = openStore(server.url, { credentials: server });
  const liar = new FaultyStore(inner, { clock: systemClock, random: systemRandom });
  const rule = lie && liar.add({ fault: { kind: 'lie', lie } });
  const front = await serveS3(liar, server.bucket);
  return {
    endpoint: front.endpoint,
    url: `s3://${server.bucket}?${new URLSearchParams({ endpoint: front.endpoint, forcePathStyle: 'true' }).toString()}`,
    told: () => rule?.struck ?? 0,
    async close() {
      await front.close();
      await inner.close();
    },
  };
}
