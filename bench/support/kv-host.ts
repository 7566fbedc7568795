/**
 * The key-value service as it runs in a pod: the agent with its application, heartbeat, hints and compaction, in a process of its own. Only the API server is not
 * there: one Shard that never changes says that this pod is the primary, and hints lie in a file. Credentials of the store come from the environment.
 *
 *   node bench/support/kv-host.ts TASK      TASK is a KvHostTask as JSON; talks to whoever has forked it (startKvHost)
 *
 * 1. It serves when a linearizable read is answered, which is what a client can see. Its life begins when its modules are loaded: here they are TypeScript, which takes
 *    Node.js seconds to strip of its types; what is installed is JavaScript.
 * 2. SIGTERM ends it in good order, as a pod is ended: it hands the log back and writes its hints.
 * 3. It ends with its parent.
 */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { freePort } from '../../e2e/cluster/ports.ts';
import { parseShard } from '../../src/api/index.ts';
import { runAgent } from '../../src/agent/index.ts';
import { createLogger, createMetrics, HeapWatch } from '../../src/base/index.ts';
import { kvApplication } from '../../src/kvstore/index.ts';
import { memoryHintsSlots } from '../../src/persistence/index.ts';
import { openStore } from '../../src/store/index.ts';
import { PORTS } from './journal.ts';

export interface KvHostTask {
  /** The store, as a URL, and the journal in it. */
  readonly storeUrl: string;
  readonly journal: string;
  /** Of the shard's files; empty or absent at first. */
  readonly directory: string;
  /** Where hints are kept from one life to the next; absent before the first. */
  readonly hintsFile: string;
  readonly term: number;
}

export interface KvHost {
  readonly port: number;
  readonly pid: number;
  /** From the beginning of its life to the first linearizable read that was answered, ms (1). */
  readonly servingMs: number;
  /** How long the steps of coming up took, as the agent tells them. */
  readonly status: unknown;
  /** Makes a snapshot; resolves when it has replaced what was before it. */
  checkpoint(): Promise<void>;
  /** Ends it in good order (2). */
  stop(): Promise<void>;
  /** Ends it, whatever it does. Idempotent. */
  kill(): void;
}

interface HostOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A profile of its processor time is written into this directory when it ends in good order. */
  readonly profile?: string | undefined;
}

type News =
  | { readonly kind: 'born' }
  | { readonly kind: 'checkpointed' }
  | { readonly kind: 'failed'; readonly why: string };
interface Ports {
  readonly agent: number;
  readonly application: number;
}

const GENERATION = 'g1';
/** Between two looks whether it serves, ms: what a figure of its start is precise to. Each costs the service that comes up a millisecond. */
const LOOK_MS = 25;
/** A store that has a million keys to give may take long on a busy machine. */
const START_TIMEOUT_MS = 120_000;
/** Never written: what the first read asks for. */
const NO_KEY = 'is-there-anybody';

/** Starts one; resolves when it serves. @throws when it ends before */
export async function startKvHost(
  task: KvHostTask,
  { env = {}, profile }: HostOptions = {},
): Promise<KvHost> {
  const ports: Ports = { agent: await freePort(), application: await freePort() };
  const child = fork(import.meta.filename, [JSON.stringify({ ...task, ports })], {
    env: { ...process.env, ...env },
    execArgv: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`],
  });
  const exited = once(child, 'exit');
  const died = exited.then(([code, signal]: unknown[]): never => {
    throw new Error(`the key-value service has ended: ${String(code ?? signal)}`);
  });
  died.catch(() => undefined); // told to whoever waits for it
  await Promise.race([once(child, 'message'), died]); // 1: born
  const bornMs = performance.now();
  const servingMs = (await Promise.race([whenServing(ports.application), died])) - bornMs;
  const status: unknown = await (await fetch(`http://127.0.0.1:${ports.agent}/v1/status`)).json();
  return {
    port: ports.application,
    pid: child.pid!,
    servingMs,
    status,
    checkpoint: async () => {
      const told = once(child, 'message');
      child.send('checkpoint');
      const [news] = (await Promise.race([told, died])) as [News];
      if (news.kind === 'failed') throw new Error(news.why);
    },
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = (await exited) as [number | null];
      if (code !== 0) throw new Error(`the key-value service has ended with ${code}`);
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

/** @returns when, by performance.now() */
async function whenServing(port: number): Promise<number> {
  const url = `http://127.0.0.1:${port}/v1/kv/${NO_KEY}`;
  const untilMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const status = await statusOf(url);
    const nowMs = performance.now();
    if (status === 404) return nowMs;
    if (nowMs > untilMs) throw new Error(`the key-value service does not serve; it says ${status}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Undefined: it does not listen yet. */
async function statusOf(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}

function shardWith(pod: string, term: number): ReturnType<typeof parseShard> {
  const assignment = { term, primary: pod, planned: false, reason: 'Bench', since: '2026-01-01T00:00:00Z' };
  return parseShard({
    metadata: { name: 'bench', namespace: 'default' },
    spec: { storeRef: { name: 'store' }, application: { name: 'kv' } },
    status: { replicas: [], assignment },
  });
}

async function host({ ports, ...task }: KvHostTask & { readonly ports: Ports }): Promise<void> {
  const { storeUrl, journal, directory, hintsFile, term } = task;
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort(new Error('SIGTERM')));
  const log = createLogger({ level: 'warn', format: 'text' });
  const metrics = createMetrics({ processMetrics: true });
  const store = openStore(storeUrl, { ...PORTS, log, metrics });
  const hints = memoryHintsSlots();
  const isKnown = existsSync(hintsFile);
  if (isKnown) hints.annotations = JSON.parse(await readFile(hintsFile, 'utf8')) as Record<string, string>;
  const application = kvApplication();
  process.on('message', () => {
    const told = (news: News): void => void process.send!(news);
    application.checkpoint().then(
      () => told({ kind: 'checkpointed' }),
      (error: Error) => told({ kind: 'failed', why: error.stack ?? error.message }),
    );
  });
  new HeapWatch(PORTS.clock).start(); // as the agent's process has it
  const pod = `bench-${term}`;
  process.send!({ kind: 'born' } satisfies News);
  const exit = await runAgent(
    {
      config: {
        pod: { name: pod, namespace: 'default', uid: pod, ip: '127.0.0.1', node: 'bench' },
        shard: 'bench',
        recoveryLog: 'bench',
        storeUrl,
        journal,
        generation: GENERATION,
        groupCommit: {},
        compaction: {},
        dataDir: directory,
        agentPort: ports.agent,
        applicationPort: ports.application,
        hintsIntervalMs: 30_000,
        hintsRotationMs: 3_600_000,
        fenceCheckMs: 10_000,
      },
      application,
      store,
      hints,
      isInitialized: () => Promise.resolve(isKnown),
      pins: () => Promise.resolve([]),
      watch: (onShard, signal) => {
        onShard(shardWith(pod, term));
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      },
      ...PORTS,
      log,
      metrics,
    },
    stop.signal,
  );
  await store.close();
  await writeFile(hintsFile, JSON.stringify(hints.annotations));
  process.exit(exit.code);
}

if (import.meta.main) {
  process.once('disconnect', () => process.exit()); // 3
  await host(JSON.parse(process.argv[2]!) as KvHostTask & { readonly ports: Ports });
}
