/**
 * Where the kinds that the operator writes are served.
 */
import { KINDS } from '../../src/api/index.ts';
import { assert } from '../../src/base/index.ts';
import { RESOURCES, type KubeManifest, type Resource } from '../../src/kube/index.ts';

/** The older form of Events: the one with a count, which `kubectl describe` sums up. */
export const EVENT: Resource = {
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};

const KNOWN: readonly Resource[] = [...Object.values(RESOURCES), ...Object.values(KINDS)];

/** `group/version` of a resource, as objects say it. */
export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Where an object that we apply is served. */
export function resourceOf({ apiVersion, kind }: KubeManifest): Resource {
  const found = KNOWN.find((resource) => resource.kind === kind && apiVersionOf(resource) === apiVersion);
  assert(found !== undefined, 'every kind that the operator applies is known', { apiVersion, kind });
  return found;
}
