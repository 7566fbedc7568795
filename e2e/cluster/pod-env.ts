/**
 * What a container's programs see of their pod: environment, downward API, `$(VAR)`, and paths of volumes.
 *
 * 1. Pure: secrets and config maps arrive as looked-up maps. A missing required one is a MissingReference, as the kubelet's
 *    CreateContainerConfigError.
 * 2. Order as the kubelet's: envFrom first, env after it, later entries win; `$(VAR)` sees what was defined before it.
 * 3. Inside the pod status.podIP is the address it can bind (127.…).
 */
import type { Container, EnvFrom, EnvVar, Pod } from './kube-types.ts';

/** Everything an environment may refer to. Values are already decoded. */
export interface EnvSources {
  readonly pod: Pod;
  readonly podIP: string;
  readonly hostIP: string;
  secret(name: string): ReadonlyMap<string, string> | undefined;
  configMap(name: string): ReadonlyMap<string, string> | undefined;
}

/** A container refers to something that is not there (yet). */
export class MissingReference extends Error {}

/** A field of the pod as the downward API gives it. Throws MissingReference for a field this node does not know. */
export function downwardField(
  fieldPath: string,
  sources: Pick<EnvSources, 'pod' | 'podIP' | 'hostIP'>,
): string {
  const { metadata, spec } = sources.pod;
  const entry = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(fieldPath);
  if (entry !== null) return metadata[entry[1] as 'labels' | 'annotations']?.[entry[2]!] ?? '';
  const known: Record<string, string | undefined> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'metadata.labels': keyValueLines(metadata.labels),
    'metadata.annotations': keyValueLines(metadata.annotations),
    'spec.nodeName': spec.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName,
    'status.podIP': sources.podIP,
    'status.podIPs': sources.podIP,
    'status.hostIP': sources.hostIP,
    'status.hostIPs': sources.hostIP,
  };
  const value = known[fieldPath];
  if (value === undefined) throw new MissingReference(`field ${fieldPath} is not known`);
  return value;
}

function keyValueLines(map: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join('\n');
}

/** Replaces `$(NAME)` where NAME is defined; `$$` is a dollar sign; an unknown name stays as written. */
export function expand(text: string, defined: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(\$|\(([^()$]+)\))/g, (whole, body: string, name: string | undefined) =>
    body === '$' ? '$' : (defined.get(name ?? '') ?? whole),
  );
}

/** The variables that the pod's author wrote, in the kubelet's order. Throws MissingReference. */
export function containerEnv(
  container: Container,
  base: ReadonlyMap<string, string>,
  sources: EnvSources,
): Map<string, string> {
  const defined = new Map(base);
  for (const from of container.envFrom ?? [])
    for (const [key, value] of importAll(from, sources)) defined.set(key, value);
  for (const variable of container.env ?? []) {
    const value = valueOf(variable, defined, sources);
    if (value !== undefined) defined.set(variable.name, value);
  }
  return defined;
}

function importAll(from: EnvFrom, sources: EnvSources): [string, string][] {
  const reference = from.secretRef ?? from.configMapRef;
  const kind = from.secretRef === undefined ? 'configmap' : 'secret';
  const name = reference?.name ?? '';
  const found = from.secretRef === undefined ? sources.configMap(name) : sources.secret(name);
  if (found === undefined && reference?.optional !== true)
    throw new MissingReference(`${kind} "${name}" not found`);
  return [...(found ?? [])].map(([key, value]) => [`${from.prefix ?? ''}${key}`, value]);
}

function valueOf(
  variable: EnvVar,
  defined: ReadonlyMap<string, string>,
  sources: EnvSources,
): string | undefined {
  const from = variable.valueFrom;
  if (from === undefined) return expand(variable.value ?? '', defined);
  if (from.fieldRef !== undefined) return downwardField(from.fieldRef.fieldPath, sources);
  const selector = from.secretKeyRef ?? from.configMapKeyRef;
  if (selector === undefined)
    throw new MissingReference(`variable ${variable.name} has a source this node does not know`);
  const kind = from.secretKeyRef === undefined ? 'configmap' : 'secret';
  const name = selector.name ?? '';
  const found = from.secretKeyRef === undefined ? sources.configMap(name) : sources.secret(name);
  const value = found?.get(selector.key);
  if (value === undefined && selector.optional !== true) {
    throw new MissingReference(
      found === undefined
        ? `${kind} "${name}" not found`
        : `couldn't find key ${selector.key} in ${kind} ${name}`,
    );
  }
  return value;
}

/** Names of the secrets and config maps a container's environment refers to. */
export function envReferences(container: Container): {
  readonly secrets: Set<string>;
  readonly configMaps: Set<string>;
} {
  const secrets = new Set<string>();
  const configMaps = new Set<string>();
  for (const { secretRef, configMapRef } of container.envFrom ?? []) {
    if (secretRef?.name !== undefined) secrets.add(secretRef.name);
    if (configMapRef?.name !== undefined) configMaps.add(configMapRef.name);
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.secretKeyRef?.name !== undefined) secrets.add(valueFrom.secretKeyRef.name);
    if (valueFrom?.configMapKeyRef?.name !== undefined) configMaps.add(valueFrom.configMapKeyRef.name);
  }
  return { secrets, configMaps };
}

/**
 * Puts host directories where mount paths stand: as a whole path or the head of one, also behind `=`, a separator or a URL's
 * `//`. `mounts` maps mount path to host directory; a longer mount path wins.
 */
export function replaceMounts(text: string, mounts: ReadonlyMap<string, string>): string {
  if (mounts.size === 0) return text;
  const paths = [...mounts.keys()].sort((a, b) => b.length - a.length);
  const any = paths.map((path) => path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('|');
  const pattern = new RegExp(String.raw`(?<=^|[\s=:,;"'([{]|:\/\/)(?:${any})(?=$|[\s/:,;"')\]}?&#])`, 'g');
  return text.replaceAll(pattern, (path) => mounts.get(path) ?? path);
}
