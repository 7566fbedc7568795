/**
 * Probes of a container, run as the kubelet runs them: from the node, straight at the pod, not through its network cuts.
 *
 * 1. Until the startup probe has succeeded, the other two do not run and the container is neither started nor ready.
 * 2. One probe at a time for each kind; a probe that takes longer than its timeout has failed.
 */
import { spawn } from 'node:child_process';
import { Agent, request } from 'undici';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Container, Probe } from './kube-types.ts';

/** What a probe needs to know of its container. */
export interface ProbeTarget {
  readonly container: Container;
  /** Where the pod listens. */
  readonly host: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Resolves an exec command as the container's image would. */
  readonly command: (command: readonly string[]) => readonly string[];
  /** Resolves when the node is awake: a frozen node probes nobody. */
  readonly awake: () => Promise<void>;
  readonly onStarted: () => void;
  readonly onReady: (ready: boolean) => void;
  readonly onDead: (why: string) => void;
}

/** Certificates are not checked by HTTPS probes, as in Kubernetes. */
const insecure = new Agent({
  connect: { rejectUnauthorized: false, allowH2: false }, // api-client.ts 3
  keepAliveTimeout: 1,
  keepAliveMaxTimeout: 1,
});

function portNumber(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  return named ?? Number(port);
}

async function httpGet(probe: Probe, target: ProbeTarget, signal: AbortSignal): Promise<boolean> {
  const { path = '/', port, scheme = 'HTTP', host = target.host, httpHeaders = [] } = probe.httpGet!;
  const url = `${scheme.toLowerCase()}://${host}:${portNumber(port, target.container)}${path.startsWith('/') ? '' : '/'}${path}`;
  const headers = Object.fromEntries(httpHeaders.map(({ name, value }) => [name.toLowerCase(), value]));
  const answer = await request(url, {
    dispatcher: insecure,
    headers: { 'user-agent': 'kube-probe/1.36', ...headers },
    signal,
  });
  await answer.body.dump();
  return answer.statusCode >= 200 && answer.statusCode < 400;
}

function tcpConnect(probe: Probe, target: ProbeTarget, signal: AbortSignal): Promise<boolean> {
  const { port, host = target.host } = probe.tcpSocket!;
  return new Promise((resolve) => {
    const socket = connect({ host, port: portNumber(port, target.container) });
    const settle = (ok: boolean): void => {
      socket.destroy();
      resolve(ok);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    signal.addEventListener('abort', () => settle(false), { once: true });
  });
}

function execute(probe: Probe, target: ProbeTarget, signal: AbortSignal): Promise<boolean> {
  const [command, ...args] = target.command(probe.exec?.command ?? []);
  return new Promise((resolve) => {
    const child = spawn(command ?? '', args, {
      env: target.env,
      cwd: target.cwd,
      stdio: 'ignore',
      signal,
      killSignal: 'SIGKILL',
    });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

/** One attempt, bounded by its timeout and by the container's life. */
async function attempt(probe: Probe, target: ProbeTarget, life: AbortSignal): Promise<boolean> {
  const signal = AbortSignal.any([life, AbortSignal.timeout((probe.timeoutSeconds ?? 1) * 1000)]);
  try {
    if (probe.httpGet !== undefined) return await httpGet(probe, target, signal);
    if (probe.tcpSocket !== undefined) return await tcpConnect(probe, target, signal);
    return await execute(probe, target, signal);
  } catch {
    return false; // refused, reset or too late: the probe's answer is no
  }
}

/** Repeats a probe; calls `verdict` when enough results in a row agree and they differ from the last verdict. Ends when `verdict` returns true. */
async function repeat(
  probe: Probe,
  target: ProbeTarget,
  life: AbortSignal,
  verdict: (ok: boolean) => boolean,
): Promise<void> {
  await sleep((probe.initialDelaySeconds ?? 0) * 1000, undefined, { signal: life });
  let last: boolean | undefined;
  for (let streak = 0, previous: boolean | undefined; ;) {
    await target.awake();
    const ok = await attempt(probe, target, life);
    if (life.aborted) return;
    streak = ok === previous ? streak + 1 : 1;
    previous = ok;
    const needed = ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    if (streak >= needed && ok !== last) {
      last = ok;
      if (verdict(ok)) return;
    }
    await sleep((probe.periodSeconds ?? 10) * 1000, undefined, { signal: life });
  }
}

/** Runs a container's probes until `life` ends. Never rejects. */
export async function runProbes(target: ProbeTarget, life: AbortSignal): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe } = target.container;
  try {
    let alive = true;
    if (startupProbe !== undefined) {
      await repeat(startupProbe, target, life, (ok) => {
        alive = ok;
        if (!ok) target.onDead('startup probe failed');
        return true;
      });
    }
    if (!alive || life.aborted) return;
    target.onStarted();
    if (readinessProbe === undefined) target.onReady(true);
    const both: Promise<void>[] = [];
    if (readinessProbe !== undefined) {
      both.push(
        repeat(readinessProbe, target, life, (ok) => {
          target.onReady(ok);
          return false;
        }),
      );
    }
    if (livenessProbe !== undefined) {
      both.push(
        repeat(livenessProbe, target, life, (ok) => {
          if (!ok) target.onDead('liveness probe failed');
          return !ok;
        }),
      );
    }
    await Promise.all(both);
  } catch (error) {
    if (!life.aborted) throw error;
  }
}
