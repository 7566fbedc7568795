/**
 * connect: from where this process runs to a client. The configuration is taken as kubectl takes it; client-node 2.0.1 differs in three ways that are put
 * right here.
 *
 * N1  A user's `tokenFile` is honoured, which client-node does not know.
 * N2  Several files are joined: of what is named twice the first counts, the current context too, and a missing file is passed over. Client-node
 *     lets the last context win, which may be another cluster, and refuses what is named twice.
 * N3  With nothing to connect to there is an error; client-node would take http://localhost:8080.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { KubeConfig, type User } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { z } from 'zod';
import { errorCode, type Clock, type Random } from '../base/index.ts';
import { ApiClient } from './client.ts';
import { KubeError } from './errors.ts';
import { TokenFile } from './token-file.ts';
import { Transport } from './transport.ts';
import type { KubeClient } from './types.ts';

export interface ConnectOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Owner of the fields that this client writes, and its name in the server's audit log. */
  readonly fieldManager: string;
  /** Kubeconfig files, separated as in KUBECONFIG; default: KUBECONFIG, the pod's service account, or the user's own file, in this order. */
  readonly kubeconfig?: string | undefined;
  /** An API server without authentication, for tests. */
  readonly server?: string | undefined;
}

/** @throws KubeError when there is nothing to connect to; what reading the configuration throws */
export function connectKube(options: ConnectOptions): KubeClient {
  const { clock, random, fieldManager } = options;
  const config = configuration(options);
  const transport = new Transport({
    config,
    tokenFile: takeTokenFile(config, clock),
    clock,
    userAgent: `holdfast/${fieldManager}`,
  });
  return new ApiClient({ transport, clock, random, fieldManager });
}

function configuration({ server, kubeconfig = process.env['KUBECONFIG'] }: ConnectOptions): KubeConfig {
  const config = new KubeConfig();
  const files = (kubeconfig ?? '').split(delimiter).filter((path) => path !== '');
  if (server !== undefined)
    config.loadFromClusterAndUser({ name: 'given', server, skipTLSVerify: true }, { name: 'nobody' }); // the library's way to allow http
  else if (files.length > 0) joined(config, files);
  else if (process.env['KUBERNETES_SERVICE_HOST'] !== undefined) config.loadFromCluster();
  else joined(config, [join(process.env['HOME'] || homedir(), '.kube', 'config')]);
  return config;
}

/** N2. @throws KubeError when all files are missing; what a file that cannot be read or understood throws */
function joined(config: KubeConfig, files: readonly string[]): void {
  const parts = files.map(load).filter((part) => part !== undefined);
  if (parts.length === 0)
    throw new KubeError(
      'KUBE_UNREACHABLE',
      `There is no kubeconfig at ${files.join(', ')}: set KUBECONFIG, or run in a pod.`,
      { retryable: false },
    );
  config.loadFromOptions({
    clusters: firstOfEach(parts.flatMap(({ clusters }) => clusters)),
    contexts: firstOfEach(parts.flatMap(({ contexts }) => contexts)),
    users: firstOfEach(parts.flatMap(({ users }) => users)),
    currentContext: parts.map(({ currentContext }) => currentContext).find(Boolean),
  });
}

function load(path: string): KubeConfig | undefined {
  const part = new KubeConfig();
  try {
    part.loadFromFile(path);
    part.users = withTokenFiles(part.users, path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  return part;
}

function firstOfEach<T extends { readonly name: string }>(entries: readonly T[]): T[] {
  return entries.filter(({ name }, n) => entries.findIndex((entry) => entry.name === name) === n);
}

const kubeconfigUsers = z.looseObject({
  users: z
    .array(
      z.looseObject({
        name: z.string(),
        user: z.looseObject({ tokenFile: z.string().optional() }).nullish(),
      }),
    )
    .nullish(),
});

/** N1: in client-node's own words for such a file, which it uses for a pod's service account. */
function withTokenFiles(users: readonly User[], path: string): User[] {
  const named = kubeconfigUsers.parse(parse(readFileSync(path, 'utf8'))).users ?? [];
  return users.map((user) => {
    const tokenFile = named.find(({ name }) => name === user.name)?.user?.tokenFile;
    if (tokenFile === undefined) return user;
    const config = { tokenFile: resolve(dirname(path), tokenFile) };
    return { ...user, authProvider: { name: 'tokenFile', config } };
  });
}

/**
 * The token file of the current user, which from now on we read ourselves: client-node keeps the line end in the token, ages it by the wall clock
 * and sends a refused one again for a minute.
 */
function takeTokenFile(config: KubeConfig, clock: Clock): TokenFile | undefined {
  const current = config.getCurrentUser();
  const file = (current?.authProvider as { config?: { tokenFile?: unknown } } | undefined)?.config?.tokenFile;
  if (typeof file !== 'string') return undefined;
  config.users = config.users.map((user) => {
    if (user.name !== current?.name) return user;
    const { token: _, authProvider: __, ...rest } = user;
    return rest;
  });
  return new TokenFile(file, clock);
}
