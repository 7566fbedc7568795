/**
 * The network between process nodes: who has which address, what is a peer, what is cut.
 *
 * The API server refuses 127.0.0.0/8 in EndpointSlices, so a pod has two addresses: 10.244.<node>.<n> in the API and
 * <pods>.<node>.<n> where it listens, `pods` being the cluster's own part of 127.0.0.0/8 (address-block.ts). Between nodes everything
 * passes the dialling node's gateway (<gateway>.<node>.<n>; gateway.ts), to which the preload pod-network.mjs leads.
 *
 * 1. A destination is known to every gateway before its pod's address is in any status.
 * 2. Connections between pods of one node are never cut: no cable is in between.
 * 3. Only declared container ports can be reached from other pods.
 */
import type { AddressBlock } from './address-block.ts';
import { type Destination, Gateway, type Passage } from './gateway.ts';
import { HarnessError } from './errors.ts';
import type { Link, TrafficClass } from './types.ts';

/** A pod as the network knows it. */
export interface Endpoint {
  readonly node: number;
  readonly address: PodAddress;
  readonly ports: readonly number[];
  readonly isOperator: boolean;
}

/** One pod's two addresses; `octets` are their common end. */
export interface PodAddress {
  readonly octets: string;
  readonly podIP: string;
  readonly dial: string;
}

interface Attached {
  readonly gateway: Gateway;
  readonly cuts: Set<string>;
  nextPod: number;
}

const API_OCTETS = '255.1';
const STORE_OCTETS = '255.2';
/** 10.244.<node>.255 would look like a broadcast address. */
const PODS_PER_NODE = 254;
const TRAFFIC: readonly TrafficClass[] = ['api', 'store', 'operator', 'peers'];

const POD_NET = '10.244.';

/** See the header. */
export class PodNetwork {
  readonly #block: AddressBlock;
  readonly #servers: readonly Destination[];
  readonly #nodes = new Map<number, Attached>();
  readonly #endpoints = new Map<string, Endpoint>();

  /** `ports`: those on 127.0.0.1 of the API server and of the object store, if pods use one. */
  constructor(block: AddressBlock, ports: { readonly api: number; readonly store?: number | undefined }) {
    this.#block = block;
    const target = '127.0.0.1';
    this.#servers = [
      { kind: 'api', octets: API_OCTETS, port: ports.api, target },
      ...(ports.store === undefined
        ? []
        : [{ kind: 'store', octets: STORE_OCTETS, port: ports.store, target } as const]),
    ];
  }

  /** Brings a node's gateway up, leading to everything known. */
  async attach(node: number): Promise<void> {
    const gateway = new Gateway({
      prefix: this.#block.gateway(node),
      pods: `${this.#block.pods}.`,
      isCut: (passage) => this.#isCut(node, passage),
    });
    this.#nodes.set(node, { gateway, cuts: new Set(), nextPod: 0 });
    const pods = [...this.#endpoints.values()].flatMap(destinationsOf);
    await Promise.all([...this.#servers, ...pods].map((destination) => gateway.open(destination)));
  }

  /** Where the harness dials a pod IP of the API. */
  dialAddress(podIP: string): string {
    return podIP.startsWith(POD_NET) ? `${this.#block.pods}.${podIP.slice(POD_NET.length)}` : podIP;
  }

  /** The address at which a node's own agent dials the API server. */
  apiVia(node: number): string {
    return `${this.#block.gateway(node)}.${API_OCTETS}`;
  }

  /** A free pod address of a node. Throws HarnessError NO_POD_ADDRESS when 254 pods hold one. */
  allocate(node: number): PodAddress {
    const attached = this.#attached(node);
    for (let tried = 0; tried < PODS_PER_NODE; tried += 1) {
      attached.nextPod = (attached.nextPod % PODS_PER_NODE) + 1;
      const octets = `${node}.${attached.nextPod}`;
      if (!this.#endpoints.has(octets))
        return { octets, podIP: `${POD_NET}${octets}`, dial: `${this.#block.pods}.${octets}` };
    }
    throw new HarnessError('NO_POD_ADDRESS', `node ${node} has no free pod address`);
  }

  /** Makes a pod reachable from every node; resolves when it is. */
  async add(endpoint: Endpoint): Promise<void> {
    this.#endpoints.set(endpoint.address.octets, endpoint);
    const opened = [...this.#nodes.values()].flatMap(({ gateway }) =>
      destinationsOf(endpoint).map((destination) => gateway.open(destination)),
    );
    await Promise.all(opened);
  }

  /** Forgets a pod; its address can be given out again. */
  remove(address: PodAddress): void {
    const endpoint = this.#endpoints.get(address.octets);
    if (endpoint === undefined) return;
    this.#endpoints.delete(address.octets);
    for (const { gateway } of this.#nodes.values())
      destinationsOf(endpoint).forEach((to) => gateway.close(to));
  }

  /** What the preload in a pod's programs needs to know, as the value of HOLDFAST_POD_NETWORK. */
  preloadConfig(node: number, address: PodAddress): string {
    const gateway = this.#block.gateway(node);
    const servers = this.#servers.map(({ target, port, octets }) => [
      `${target}:${port}`,
      `${gateway}.${octets}`,
    ]);
    const { pods } = this.#block;
    return JSON.stringify({
      self: address.octets,
      pods,
      gateway,
      servers: Object.fromEntries(servers) as object,
    });
  }

  cut(node: number, link: Link): void {
    for (const key of linkKeys(link)) this.#attached(node).cuts.add(key);
    this.#review();
  }

  heal(node: number, link: Link): void {
    for (const key of linkKeys(link)) this.#attached(node).cuts.delete(key);
    this.#review();
  }

  /** Closes every gateway and gives the addresses back. */
  async shutdown(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map(({ gateway }) => gateway.shutdown()));
    await this.#block.release();
  }

  #attached(node: number): Attached {
    const attached = this.#nodes.get(node);
    if (attached === undefined) throw new HarnessError('NO_SUCH_NODE', `node ${node} is not in the network`);
    return attached;
  }

  #review(): void {
    for (const { gateway } of this.#nodes.values()) gateway.review();
  }

  #isCut(node: number, { source, destination }: Passage): boolean {
    const outbound = (traffic: TrafficClass): boolean => this.#attached(node).cuts.has(`${traffic}/outbound`);
    if (destination.kind !== 'pod') return outbound(destination.kind);
    const target = Number(destination.octets.split('.')[0]);
    if (target === node) return false;
    const ends = [
      this.#endpoints.get(destination.octets),
      this.#endpoints.get(source.slice(this.#block.pods.length + 1)),
    ];
    const traffic = ends.some((end) => end?.isOperator) ? 'operator' : 'peers';
    return outbound(traffic) || (this.#nodes.get(target)?.cuts.has(`${traffic}/inbound`) ?? false);
  }
}

function linkKeys({ traffic, direction = 'both' }: Link): string[] {
  const kinds = traffic === 'all' ? TRAFFIC : [traffic];
  const directions = direction === 'both' ? ['inbound', 'outbound'] : [direction];
  return kinds.flatMap((kind) => directions.map((way) => `${kind}/${way}`));
}

function destinationsOf({ address, ports }: Endpoint): Destination[] {
  return ports.map((port) => ({ kind: 'pod', octets: address.octets, port, target: address.dial }));
}
