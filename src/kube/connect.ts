/**
 * connect: from where this process runs to a client.
 */
import { readFileSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { KubeConfig, type User } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Clock, Random } from '../base/index.ts';
import { ApiClient } from './client.ts';
import { Transport } from './transport.ts';
import type { KubeClient } from './types.ts';

export interface ConnectOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Owner of the fields that this client writes, and its name in the server's audit log. */
  readonly fieldManager: string;
  /** A kubeconfig file; default: KUBECONFIG, the pod's service account, or the user's own file, in this order. */
  readonly kubeconfig?: string | undefined;
  /** An API server without authentication, for tests. */
  readonly server?: string | undefined;
}

/** @throws KubeError when there is nothing to connect to; what reading the configuration throws */
export function connectKube(options: ConnectOptions): KubeClient {
  const { clock, random, fieldManager } = options;
  const transport = new Transport(configuration(options), clock, `holdfast/${fieldManager}`);
  return new ApiClient({ transport, clock, random, fieldManager });
}

function configuration({ server, kubeconfig = process.env['KUBECONFIG'] }: ConnectOptions): KubeConfig {
  const config = new KubeConfig();
  if (server !== undefined)
    config.loadFromClusterAndUser({ name: 'given', server, skipTLSVerify: true }, { name: 'nobody' }); // the library's way to allow http
  else if (kubeconfig !== undefined && kubeconfig !== '') {
    const [first, ...more] = kubeconfig.split(delimiter).filter((path) => path !== '');
    for (const [n, path] of [first!, ...more].entries()) {
      const part = new KubeConfig();
      part.loadFromFile(path);
      part.users = withTokenFiles(part.users, path);
      if (n === 0) config.loadFromOptions(part);
      else config.mergeConfig(part);
    }
  } else if (process.env['KUBERNETES_SERVICE_HOST'] !== undefined) config.loadFromCluster();
  else config.loadFromDefault();
  return config;
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

/** client-node 2.0.1 does not know the field `tokenFile` of a kubeconfig, which kubectl does; its own way to name such a file is an auth provider. */
function withTokenFiles(users: readonly User[], path: string): User[] {
  const named = kubeconfigUsers.parse(parse(readFileSync(path, 'utf8'))).users ?? [];
  return users.map((user) => {
    const tokenFile = named.find(({ name }) => name === user.name)?.user?.tokenFile;
    if (tokenFile === undefined) return user;
    return {
      ...user,
      authProvider: { name: 'tokenFile', config: { tokenFile: resolve(dirname(path), tokenFile) } },
    };
  });
}
