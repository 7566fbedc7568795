/**
 * One container of a pod: started, probed, restarted with back-off, ended.
 *
 * 1. `status()` is always what the process is doing; every change of it is announced by `changed`.
 * 2. The container's main process gets SIGTERM first; after the grace, and whenever it ended, everything left in its
 *    process group gets SIGKILL, as the end of a PID namespace would.
 * 3. The back-off is the kubelet's: first restart at once, then the base doubling to 300 s, forgotten after 600 s of running.
 * 4. With FallbackToLogsOnError the end of the log of a container that failed becomes its termination message. There is no termination message
 *    file: a process has no /dev of its own.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type Exit, freeze, startChild } from './child.ts';
import { type Prepared, waitingFor } from './container-setup.ts';
import { messageOf } from './errors.ts';
import {
  type Container,
  type ContainerState,
  type ContainerStatus,
  kubeTime,
  type Terminated,
} from './kube-types.ts';
import type { NodeContext } from './node-context.ts';
import { runProbes } from './probes.ts';

const BACKOFF_MAX_MS = 300_000;
/** How soon a container that could not be prepared is tried again; a kubelet takes longer. */
const PREPARE_RETRY_MIN_MS = 50;
const PREPARE_RETRY_MAX_MS = 1000;
/** Exit code that container runtimes give to a container that vanished with its machine. */
const VANISHED = 255;
/** What a kubelet takes of a log as termination message: the last 80 lines, at most 2 KiB. */
const FALLBACK_LINES = 80;
const FALLBACK_BYTES = 2048;

/** What a container needs of its pod. */
export interface ContainerHost {
  readonly node: NodeContext;
  /** Where the pod listens. */
  readonly dial: string;
  readonly graceMs: () => number;
  readonly prepare: (container: Container) => Promise<Prepared>;
  readonly logFile: (container: string, restart: number) => string;
  readonly shouldRestart: (exitCode: number) => boolean;
  readonly changed: () => void;
}

/** How long to wait before a restart (invariant 3). */
export class CrashBackoff {
  readonly #baseMs: number;
  #nextMs: number | undefined;
  #last = 0;

  constructor(baseMs: number) {
    this.#baseMs = baseMs;
  }

  /** Milliseconds to wait for the restart after an exit at `now`. */
  next(now: number): number {
    const forgotten = this.#nextMs === undefined || now - this.#last > 2 * BACKOFF_MAX_MS;
    const wait = forgotten ? 0 : this.#nextMs!;
    this.#nextMs = forgotten ? this.#baseMs : Math.min(2 * wait, BACKOFF_MAX_MS);
    this.#last = now + wait;
    return wait;
  }
}

/** See the header. */
export class ContainerRunner {
  readonly spec: Container;
  readonly #host: ContainerHost;
  readonly #backoff: CrashBackoff;
  readonly #stop = new AbortController();
  #state: ContainerState;
  #lastState: ContainerState = {};
  #containerID: string | undefined;
  #restarts = 0;
  #started = false;
  #ready = false;
  #child: Child | undefined;
  #killTimer: NodeJS.Timeout | undefined;

  /** `before`: what the API knew of the container before its node was rebooted. */
  constructor(spec: Container, host: ContainerHost, waiting: string, before?: ContainerStatus) {
    this.spec = spec;
    this.#host = host;
    this.#backoff = new CrashBackoff(host.node.crashLoopBaseMs);
    this.#state = { waiting: { reason: waiting } };
    if (before?.containerID === undefined) return;
    this.#containerID = before.containerID;
    const gone =
      before.state.terminated ??
      ended(VANISHED, 'Unknown', before.state.running?.startedAt, before.containerID);
    this.#restarts = before.restartCount;
    if (host.shouldRestart(gone.exitCode)) {
      this.#restarts += 1;
      this.#lastState = { terminated: gone };
    } else this.#state = { terminated: gone };
  }

  get pid(): number | undefined {
    return this.#child?.isAlive() === true ? this.#child.pid : undefined;
  }

  get restarts(): number {
    return this.#restarts;
  }

  status(): ContainerStatus {
    return {
      name: this.spec.name,
      image: this.spec.image,
      imageID: `process://${this.spec.image}`,
      ...(this.#containerID === undefined ? {} : { containerID: this.#containerID }),
      ready: this.#ready,
      started: this.#started,
      restartCount: this.#restarts,
      state: this.#state,
      lastState: this.#lastState,
    };
  }

  /** Runs and restarts the container until it needs no restart or is told to stop. */
  async run(): Promise<void> {
    if (this.#state.terminated !== undefined) return;
    while (!this.#stop.signal.aborted) {
      const prepared = await this.#prepare();
      if (prepared === undefined) return;
      const end = await this.#runOnce(prepared);
      if (this.#stop.signal.aborted || !this.#host.shouldRestart(end.exitCode)) return;
      await this.#backOff(end);
      if (this.#stop.signal.aborted) return;
      this.#lastState = { terminated: end };
      this.#restarts += 1;
    }
  }

  /** Ends the container for good: SIGTERM now, SIGKILL after `graceMs`. A later call may shorten the grace. */
  terminate(graceMs: number): void {
    this.#stop.abort();
    if (this.#child?.isAlive() === true) this.#endProcess(this.#child, graceMs);
  }

  /** Sends to the container's whole process group; a stop has been obeyed when this returns. */
  signal(signal: NodeJS.Signals): void {
    if (this.#child?.isAlive() !== true) return;
    if (signal === 'SIGSTOP') freeze(-this.#child.pid);
    else this.#child.signalGroup(signal);
  }

  /** The machine is gone: nothing is reported. Resolves when the process is. */
  async powerOff(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#killTimer);
    this.#child?.signalGroup('SIGKILL');
    await this.#child?.exited;
  }

  async #prepare(): Promise<Prepared | undefined> {
    for (
      let wait = PREPARE_RETRY_MIN_MS;
      !this.#stop.signal.aborted;
      wait = Math.min(2 * wait, PREPARE_RETRY_MAX_MS)
    ) {
      try {
        return await this.#host.prepare(this.spec);
      } catch (error) {
        if (this.#stop.signal.aborted) return undefined;
        this.#state = { waiting: waitingFor(error) };
        this.#host.changed();
        await this.#pause(wait);
      }
    }
    return undefined;
  }

  async #runOnce(prepared: Prepared): Promise<Terminated> {
    const { node } = this.#host;
    const containerID = `process://${randomUUID()}`;
    const startedAt = kubeTime();
    await node.awake();
    let child: Child;
    try {
      const logFile = this.#host.logFile(this.spec.name, this.#restarts);
      child = await startChild({ ...prepared, logFile });
    } catch (error) {
      const end = { ...ended(128, 'StartError', startedAt, containerID), message: messageOf(error) };
      this.#set({ terminated: end }, containerID);
      return end;
    }
    this.#child = child;
    if (node.isFrozen()) freeze(-child.pid);
    const life = new AbortController();
    this.#set({ running: { startedAt } }, containerID);
    const probing = this.#probe(child, prepared, life.signal);
    if (this.#stop.signal.aborted) this.#endProcess(child, this.#host.graceMs());
    const exit = await child.exited;
    clearTimeout(this.#killTimer);
    child.signalGroup('SIGKILL');
    life.abort();
    await node.awake();
    const code = exitCode(exit);
    const end = {
      ...ended(code, code === 0 ? 'Completed' : 'Error', startedAt, containerID),
      ...terminationMessage(this.spec, code, child.logFile),
    };
    this.#started = false;
    this.#ready = false;
    this.#set({ terminated: end }, containerID);
    await probing;
    return end;
  }

  #probe(child: Child, prepared: Prepared, life: AbortSignal): Promise<void> {
    const { node, dial } = this.#host;
    const change = (apply: () => void): void => {
      if (life.aborted) return;
      apply();
      this.#host.changed();
    };
    return runProbes(
      {
        container: this.spec,
        host: dial,
        env: prepared.env,
        cwd: prepared.cwd,
        command: prepared.resolve,
        awake: node.awake,
        onStarted: () => change(() => (this.#started = true)),
        onReady: (ready) => change(() => (this.#ready = ready)),
        onDead: (why) => {
          node.log(`container ${this.spec.name}: ${why}, restarting it`);
          this.#endProcess(child, this.#host.graceMs());
        },
      },
      life,
    );
  }

  async #backOff(end: Terminated): Promise<void> {
    const wait = this.#backoff.next(Date.now());
    if (wait === 0) return;
    const message = `back-off ${wait / 1000}s restarting failed container=${this.spec.name}`;
    this.#lastState = { terminated: end };
    this.#set({ waiting: { reason: 'CrashLoopBackOff', message } }, this.#containerID!);
    await this.#pause(wait);
    await this.#host.node.awake();
    if (this.#stop.signal.aborted) this.#set({ terminated: end }, this.#containerID!);
  }

  #endProcess(child: Child, graceMs: number): void {
    clearTimeout(this.#killTimer);
    const { node } = this.#host;
    const kill = (): void => void node.awake().then(() => child.isAlive() && child.signalGroup('SIGKILL')); // awake never rejects
    if (graceMs <= 0) return kill();
    void node.awake().then(() => child.signal('SIGTERM')); // awake never rejects
    this.#killTimer = setTimeout(kill, graceMs);
  }

  #set(state: ContainerState, containerID: string): void {
    this.#state = state;
    this.#containerID = containerID;
    this.#host.changed();
  }

  /** Sleeps; an end of the container ends the sleep early. */
  #pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
  }
}

/** Invariant 4. */
function terminationMessage(spec: Container, code: number, logFile: string): Pick<Terminated, 'message'> {
  if (spec.terminationMessagePolicy !== 'FallbackToLogsOnError' || code === 0) return {};
  const log = readFileSync(logFile).subarray(-FALLBACK_BYTES).toString();
  const message = log.trimEnd().split('\n').slice(-FALLBACK_LINES).join('\n');
  return message === '' ? {} : { message };
}

function exitCode({ code, signal }: Exit): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

function ended(code: number, reason: string, startedAt: string | undefined, containerID: string): Terminated {
  const started = startedAt === undefined ? {} : { startedAt };
  return { exitCode: code, reason, ...started, finishedAt: kubeTime(), containerID };
}
