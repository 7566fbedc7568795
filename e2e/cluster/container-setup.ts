/**
 * From a container of a pod to a command line of this machine: image, environment, volumes' places, the pod's own kubeconfig.
 *
 * 1. The pod speaks to the API server with the token of its own service account and nothing else; KUBECONFIG names a file
 *    that says so (there is no mount namespace in which the usual place could exist).
 * 2. Nothing of the harness' own environment reaches the pod.
 * 3. Mount paths are put right in the pod's own words only. What the image and the node add are paths of this machine already, and a pod
 *    that mounts /tmp would turn them into nonsense.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLine, IMAGE_PATH, type ProcessImage, resolveBin } from './images.ts';
import type { Container, Pod } from './kube-types.ts';
import type { NodeContext } from './node-context.ts';
import { containerEnv, envReferences, expand, MissingReference, replaceMounts } from './pod-env.ts';
import type { PodAddress } from './pod-network.ts';
import { fetchData, volumeDirectory } from './pod-volumes.ts';

/** Where the ServiceAccount admission mounts a pod's token. */
const ACCOUNT_MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const PRELOAD = new URL('pod-network.mjs', import.meta.url).href;

/** A container ready to be started. */
export interface Prepared {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Makes an exec probe's command runnable here. */
  readonly resolve: (command: readonly string[]) => readonly string[];
}

/** Where a pod lives on this machine. */
export interface PodPlace {
  readonly pod: Pod;
  readonly address: PodAddress;
  readonly directory: string;
}

/** The image map has no such image. */
export class UnknownImage extends Error {}

/** Prepares a start. Throws UnknownImage or MissingReference. */
export async function prepareContainer(
  container: Container,
  place: PodPlace,
  node: NodeContext,
  signal: AbortSignal,
): Promise<Prepared> {
  const image = node.images[container.image];
  if (image === undefined)
    throw new UnknownImage(`image "${container.image}" is not in this cluster's image map`);
  const home = join(place.directory, 'containers', container.name);
  await mkdir(join(home, 'tmp'), { recursive: true });
  const mounts = await mountsOf(container, place.directory);
  const given = givenEnv(image, node, place, home);
  const authored = await authoredEnv(container, given, place, node, signal);
  const onHost = (text: string): string => replaceMounts(text, mounts);
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of authored) env[name] = given.get(name) === value ? value : onHost(value);
  const kubeconfig = await writeKubeconfig(mounts.get(ACCOUNT_MOUNT), place, node);
  if (kubeconfig !== undefined) env['KUBECONFIG'] ??= kubeconfig;
  env['TMPDIR'] ??= mounts.get('/tmp') ?? join(home, 'tmp');
  env['NODE_OPTIONS'] = `--import=${PRELOAD} ${env['NODE_OPTIONS'] ?? ''}`.trim();
  env['HOLDFAST_POD_NETWORK'] = node.network.preloadConfig(node.index, place.address);
  const runnable = (words: readonly string[]): string[] =>
    words.map((word) => onHost(expand(word, authored)));
  const [command, ...args] = commandLine(
    image,
    container.command && runnable(container.command),
    container.args && runnable(container.args),
  );
  return {
    command: command ?? '',
    args,
    env: node.lifeline.marked(env),
    cwd: container.workingDir === undefined ? home : onHost(container.workingDir),
    resolve: (words) => resolveBin(image, runnable(words)),
  };
}

async function mountsOf(container: Container, directory: string): Promise<Map<string, string>> {
  const mounts = new Map<string, string>();
  for (const { name, mountPath, subPath } of container.volumeMounts ?? []) {
    const host = join(volumeDirectory(directory, name), subPath ?? '');
    if (subPath !== undefined) await mkdir(host, { recursive: true }).catch(() => {}); // it may name a file
    mounts.set(mountPath.replace(/(.)\/+$/, '$1'), host);
  }
  return mounts;
}

/** What every container finds in its environment, whatever the pod says. */
function givenEnv(
  image: ProcessImage,
  node: NodeContext,
  { pod }: PodPlace,
  home: string,
): Map<string, string> {
  return new Map<string, string>([
    ['PATH', IMAGE_PATH],
    ['HOSTNAME', pod.metadata.name],
    ['HOME', home],
    ...Object.entries(image.env ?? {}),
    ['KUBERNETES_SERVICE_HOST', '127.0.0.1'],
    ['KUBERNETES_SERVICE_PORT', String(node.apiPort)],
    ['KUBERNETES_SERVICE_PORT_HTTPS', String(node.apiPort)],
  ]);
}

async function authoredEnv(
  container: Container,
  given: ReadonlyMap<string, string>,
  { pod, address }: PodPlace,
  node: NodeContext,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const namespace = pod.metadata.namespace!;
  const names = envReferences(container);
  const load = async (
    kind: 'secrets' | 'configmaps',
    wanted: Set<string>,
  ): Promise<Map<string, Map<string, string>>> => {
    const found = new Map<string, Map<string, string>>();
    const fetched = [...wanted].map(async (name) => {
      const data = await fetchData(node.api, kind, namespace, name, signal);
      if (data !== undefined)
        found.set(name, new Map([...data].map(([key, value]) => [key, value.toString('utf8')])));
    });
    await Promise.all(fetched);
    return found;
  };
  const [secrets, configMaps] = await Promise.all([
    load('secrets', names.secrets),
    load('configmaps', names.configMaps),
  ]);
  return containerEnv(container, given, {
    pod,
    podIP: address.dial,
    hostIP: node.hostIP,
    secret: (name) => secrets.get(name),
    configMap: (name) => configMaps.get(name),
  });
}

async function writeKubeconfig(
  account: string | undefined,
  { pod, directory }: PodPlace,
  node: NodeContext,
): Promise<string | undefined> {
  if (account === undefined) return undefined;
  const path = join(directory, 'kubeconfig');
  const server = `https://127.0.0.1:${node.apiPort}`;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster: { server, 'certificate-authority': join(account, 'ca.crt') } }],
    users: [{ name: 'pod', user: { tokenFile: join(account, 'token') } }],
    contexts: [
      { name: 'pod', context: { cluster: 'cluster', user: 'pod', namespace: pod.metadata.namespace } },
    ],
    'current-context': 'pod',
  };
  await writeFile(path, JSON.stringify(config, null, 2)); // JSON is YAML
  return path;
}

/** What to say while a container cannot be prepared. */
export function waitingFor(error: unknown): { readonly reason: string; readonly message: string } {
  if (error instanceof UnknownImage) return { reason: 'ErrImagePull', message: error.message };
  if (error instanceof MissingReference)
    return { reason: 'CreateContainerConfigError', message: error.message };
  return { reason: 'CreateContainerError', message: error instanceof Error ? error.message : String(error) };
}
