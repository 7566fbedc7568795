/**
 * A single etcd as it comes, on a directory of the same disk as everything else: it syncs every commit. The peer of the key-value benches.
 *
 * 1. Only its limits are changed: room for a million keys, and transactions as large as our batches (to fill it, which is not measured).
 * 2. Lives exactly as long as the bench (lifeline.ts).
 */
import { join } from 'node:path';
import { startChild, waitReady, type Child } from '../../e2e/cluster/child.ts';
import { Lifeline } from '../../e2e/cluster/lifeline.ts';
import { freePort } from '../../e2e/cluster/ports.ts';
import { serverBinaries } from '../../e2e/tools/servers.ts';

const START_TIMEOUT_MS = 60_000;
const QUOTA_BYTES = 8 * 1024 * 1024 * 1024;
/** Operations of one transaction: as many as pairs of one of our batches. */
export const MAX_TXN_OPERATIONS = 1024;

export interface EtcdPeer {
  /** Of the client API: gRPC and, as JSON, HTTP. */
  readonly port: number;
  readonly version: string;
  pid(): number;
  /** What it has told of the syncs of its log. */
  syncs(): Promise<SyncCount>;
  /** Ends it as an operator would, and starts it again on its directory; resolves as soon as the process is there. */
  restart(): Promise<void>;
  /** Idempotent. */
  stop(): Promise<void>;
}

/** Syncs of the log so far. */
export interface SyncCount {
  readonly count: number;
  readonly seconds: number;
}

/** Starts an empty one; resolves when it serves. */
export async function startEtcd(): Promise<EtcdPeer> {
  const lifeline = await Lifeline.start('etcd');
  const [port, peerPort] = [await freePort(), await freePort()];
  const [url, peerUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  const launch = (): Promise<Child> =>
    startChild({
      command: serverBinaries().etcd,
      args: [
        '--name=bench',
        `--data-dir=${join(lifeline.directory, 'data')}`,
        `--listen-client-urls=${url}`,
        `--advertise-client-urls=${url}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=bench=${peerUrl}`,
        `--quota-backend-bytes=${QUOTA_BYTES}`,
        `--max-txn-ops=${MAX_TXN_OPERATIONS}`,
        '--log-level=error',
      ],
      env: lifeline.marked({ PATH: process.env['PATH'] }),
      logFile: join(lifeline.directory, 'etcd.log'),
    });
  let child = await launch();
  try {
    await waitReady('etcd', child, () => isHealthy(url), START_TIMEOUT_MS);
    const version = (await (await fetch(`${url}/version`)).json()) as { readonly etcdserver: string };
    return {
      port,
      version: version.etcdserver,
      pid: () => child.pid,
      syncs: () => syncsOf(url),
      restart: async () => {
        child.signal('SIGTERM');
        await child.exited;
        child = await launch();
      },
      stop: () => lifeline.end(),
    };
  } catch (error) {
    await lifeline.end();
    throw error;
  }
}

async function isHealthy(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health`);
  return ((await response.json()) as { readonly health: string }).health === 'true';
}

async function syncsOf(url: string): Promise<SyncCount> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const of = (what: string): number => {
    const found = new RegExp(`^etcd_disk_wal_fsync_duration_seconds_${what} (\\S+)$`, 'm').exec(text);
    if (!found) throw new Error(`etcd tells no ${what} of its syncs`);
    return Number(found[1]);
  };
  return { count: of('count'), seconds: of('sum') };
}
