/**
 * connect: from where this process runs to a client.
 */
import { KubeConfig } from '@kubernetes/client-node';
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
  const config = new KubeConfig();
  if (options.server !== undefined)
    config.loadFromClusterAndUser(
      { name: 'given', server: options.server, skipTLSVerify: false },
      { name: 'nobody' },
    );
  else if (options.kubeconfig !== undefined) config.loadFromFile(options.kubeconfig);
  else if (process.env['KUBECONFIG'] === undefined && process.env['KUBERNETES_SERVICE_HOST'] !== undefined)
    config.loadFromCluster();
  else config.loadFromDefault();
  const transport = new Transport(config, clock, `holdfast/${fieldManager}`);
  return new ApiClient({ transport, clock, random, fieldManager });
}
