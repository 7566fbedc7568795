/**
 * A pod's volumes as directories of the host.
 *
 * 1. A file appears whole: written beside its place and renamed.
 * 2. Service-account tokens come from TokenRequest, bound to the pod, and are renewed before they expire.
 * 3. Secrets and config maps are written once, when the pod starts; they are not followed (a kubelet would, within about a minute).
 */
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasStatus, type ApiClient } from './api-client.ts';
import type { ConfigMap, DownwardItem, KeyToPath, Pod, Projection, Secret, Volume } from './kube-types.ts';
import { downwardField, MissingReference } from './pod-env.ts';

/** The kubelet renews at 80 % of a token's life, and at the latest after a day. */
const RENEW_AT = 0.8;
const RENEW_LATEST_MS = 24 * 3600 * 1000;
const DEFAULT_TOKEN_SECONDS = 3600;

/** What volumes are made of. */
export interface VolumeContext {
  readonly api: ApiClient;
  readonly pod: Pod;
  readonly podIP: string;
  readonly hostIP: string;
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** A token file that must be renewed at `renewAt` (milliseconds of the wall clock). */
export interface TokenFile {
  readonly path: string;
  readonly source: NonNullable<Projection['serviceAccountToken']>;
  readonly renewAt: number;
}

interface FileSpec {
  readonly path: string;
  readonly content: Buffer | string;
  readonly mode?: number | undefined;
}

/** A secret's or config map's entries; undefined when it does not exist. */
export async function fetchData(
  api: ApiClient,
  kind: 'secrets' | 'configmaps',
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Buffer> | undefined> {
  try {
    const object = await api.get<Secret & ConfigMap>(
      `/api/v1/namespaces/${namespace}/${kind}/${name}`,
      signal,
    );
    const decode = (
      encoding: 'base64' | 'utf8',
      data: Readonly<Record<string, string>> | undefined,
    ): [string, Buffer][] =>
      Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, encoding)]);
    if (kind === 'secrets') return new Map(decode('base64', object.data));
    return new Map([...decode('utf8', object.data), ...decode('base64', object.binaryData)]);
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

/** The directory of a volume. */
export function volumeDirectory(directory: string, name: string): string {
  return join(directory, 'volumes', name);
}

/** Fills every volume; resolves with the token files to renew. Throws MissingReference when something is not there yet. */
export async function prepareVolumes(context: VolumeContext): Promise<TokenFile[]> {
  const prepared = (context.pod.spec.volumes ?? []).map((volume) => prepareVolume(volume, context));
  return (await Promise.all(prepared)).flat();
}

async function prepareVolume(volume: Volume, context: VolumeContext): Promise<TokenFile[]> {
  const directory = volumeDirectory(context.directory, volume.name);
  await mkdir(directory, { recursive: true });
  const tokens: TokenFile[] = [];
  for (const source of projectionsOf(volume)) {
    if (source.serviceAccountToken === undefined) await writeFiles(directory, await filesOf(source, context));
    else
      tokens.push(
        await writeToken(
          join(directory, source.serviceAccountToken.path),
          source.serviceAccountToken,
          context,
        ),
      );
  }
  return tokens;
}

/** The plain kinds of volume, said as projections, so that there is one way to fill them. */
function projectionsOf(volume: Volume): readonly Projection[] {
  if (volume.projected !== undefined) return volume.projected.sources ?? [];
  if (volume.configMap !== undefined) return [{ configMap: volume.configMap }];
  if (volume.downwardAPI !== undefined) return [{ downwardAPI: volume.downwardAPI }];
  if (volume.secret === undefined) return [];
  const { secretName, ...secret } = volume.secret;
  return [{ secret: secretName === undefined ? secret : { ...secret, name: secretName } }];
}

async function filesOf(source: Projection, context: VolumeContext): Promise<FileSpec[]> {
  if (source.downwardAPI !== undefined) {
    return (source.downwardAPI.items ?? []).map((item) => ({
      path: item.path,
      content: downwardContent(item, context),
    }));
  }
  const reference = source.secret ?? source.configMap;
  if (reference === undefined)
    throw new MissingReference('a projection has a source that this node does not know');
  const kind = source.secret === undefined ? 'configmaps' : 'secrets';
  const name = reference.name ?? '';
  const data = await fetchData(context.api, kind, context.pod.metadata.namespace!, name, context.signal);
  if (data === undefined) {
    if (reference.optional === true) return [];
    throw new MissingReference(`${kind.slice(0, -1)} "${name}" not found`);
  }
  if (reference.items === undefined) return [...data].map(([path, content]) => ({ path, content }));
  return reference.items.flatMap((item: KeyToPath) => {
    const content = data.get(item.key);
    if (content !== undefined) return [{ path: item.path, content, mode: item.mode }];
    if (reference.optional === true) return [];
    throw new MissingReference(`${kind.slice(0, -1)} "${name}" has no key ${item.key}`);
  });
}

function downwardContent(item: DownwardItem, context: VolumeContext): string {
  if (item.fieldRef === undefined)
    throw new MissingReference(`downward API file ${item.path} names no field`);
  return downwardField(item.fieldRef.fieldPath, context);
}

async function writeFiles(directory: string, files: readonly FileSpec[]): Promise<void> {
  for (const { path, content, mode } of files)
    await writeWhole(join(directory, path), content, mode ?? 0o644);
}

async function writeWhole(path: string, content: Buffer | string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, content);
  await chmod(`${path}.new`, mode);
  await rename(`${path}.new`, path);
}

/** Requests a token for the pod's own service account and writes it. */
export async function writeToken(
  path: string,
  source: TokenFile['source'],
  context: VolumeContext,
): Promise<TokenFile> {
  const { namespace, name, uid } = context.pod.metadata;
  const account = context.pod.spec.serviceAccountName ?? 'default';
  const seconds = source.expirationSeconds ?? DEFAULT_TOKEN_SECONDS;
  const answer = await context.api.create<{ status: { token: string } }>(
    `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: source.audience === undefined || source.audience === '' ? [] : [source.audience],
        expirationSeconds: seconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    },
  );
  await writeWhole(path, answer.status.token, 0o600);
  const life = Math.min(seconds * 1000 * RENEW_AT, RENEW_LATEST_MS);
  return { path, source, renewAt: Date.now() + life };
}
