/**
 * What a pod may ask that a process node cannot give. Such a pod fails at once and says why; it never runs without it.
 */
import type { Container, Pod, Volume } from './kube-types.ts';

const VOLUME_KINDS = new Set(['emptyDir', 'secret', 'configMap', 'downwardAPI', 'projected']);

/** The first thing that this kind of node does not have, as a sentence; undefined when the pod can run. */
export function unsupported(pod: Pod): string | undefined {
  const { spec } = pod;
  if (spec.activeDeadlineSeconds !== undefined)
    return 'activeDeadlineSeconds is not supported by process nodes';
  if (spec.hostNetwork === true) return 'hostNetwork is not supported by process nodes';
  for (const volume of spec.volumes ?? []) {
    const reason = unsupportedVolume(volume);
    if (reason !== undefined) return `volume ${volume.name}: ${reason}`;
  }
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    const reason = unsupportedFeature(container);
    if (reason !== undefined) return `container ${container.name}: ${reason}`;
  }
  return undefined;
}

function unsupportedVolume(volume: Volume): string | undefined {
  const kind = Object.keys(volume).find((key) => key !== 'name');
  if (kind !== undefined && !VOLUME_KINDS.has(kind)) return `${kind} is not supported by process nodes`;
  const items = [
    volume.downwardAPI,
    ...(volume.projected?.sources ?? []).map((source) => source.downwardAPI),
  ];
  const fromResources = items.some((source) =>
    source?.items?.some((item) => item.resourceFieldRef !== undefined),
  );
  return fromResources ? 'resourceFieldRef is not supported by process nodes' : undefined;
}

function unsupportedFeature(container: Container): string | undefined {
  const probes = [container.startupProbe, container.readinessProbe, container.livenessProbe];
  if (probes.some((probe) => probe?.grpc !== undefined))
    return 'gRPC probes are not supported by process nodes';
  if (container.lifecycle !== undefined) return 'lifecycle hooks are not supported by process nodes';
  if (container.restartPolicy !== undefined)
    return 'sidecars (restartPolicy of a container) are not supported by process nodes';
  if (container.volumeMounts?.some((mount) => mount.subPathExpr !== undefined))
    return 'subPathExpr is not supported by process nodes';
  if (container.env?.some((variable) => variable.valueFrom?.resourceFieldRef !== undefined)) {
    return 'resourceFieldRef is not supported by process nodes';
  }
  return undefined;
}
