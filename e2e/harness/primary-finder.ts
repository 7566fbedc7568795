/**
 * Where the primary of a shard is, by the EndpointSlice of its Service: what kube-proxy would know (process nodes have none).
 */
import type { Cluster } from '../cluster/index.ts';
import { Watched, type WatchedObject } from './watched.ts';

interface EndpointSlice extends WatchedObject {
  readonly endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly conditions?: {
      readonly ready?: boolean;
      readonly serving?: boolean;
      readonly terminating?: boolean;
    };
  }[];
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[];
}

const WAIT_MS = 60_000;

export class PrimaryFinder {
  readonly #cluster: Cluster;
  readonly #slices: Watched<EndpointSlice>;

  private constructor(cluster: Cluster, slices: Watched<EndpointSlice>) {
    this.#cluster = cluster;
    this.#slices = slices;
  }

  static async start(cluster: Cluster, namespace: string, service: string): Promise<PrimaryFinder> {
    const selector = encodeURIComponent(`kubernetes.io/service-name=${service}`);
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=${selector}`;
    return new PrimaryFinder(cluster, await Watched.start<EndpointSlice>(cluster.api, path));
  }

  /** The primary's URL as of now, if the Service has a ready endpoint. */
  current(): URL | undefined {
    for (const slice of this.#slices.all()) {
      const port = slice.ports?.find((p) => p.name === 'http')?.port;
      const ready = slice.endpoints?.find((e) => e.conditions?.ready !== false);
      const address = ready?.addresses[0];
      if (port !== undefined && address !== undefined)
        return new URL(`http://${this.#cluster.dialAddress(address)}:${port}`);
    }
    return undefined;
  }

  /** The primary's URL, waiting for one. */
  async url(signal?: AbortSignal): Promise<URL> {
    signal?.throwIfAborted();
    return (
      this.current() ??
      (await this.#slices.until('an endpoint of the primary', () => this.current(), WAIT_MS))
    );
  }

  /** Calls `moved` once when the Service names another endpoint than it does now; until the returned function is called. */
  onMove(moved: () => void): () => void {
    const before = this.current()?.origin;
    const off = this.#slices.onChange(() => {
      const now = this.current()?.origin;
      if (before === undefined || now === undefined || now === before) return;
      off();
      moved();
    });
    return off;
  }

  stop(): void {
    this.#slices.stop();
  }
}
