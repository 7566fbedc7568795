/**
 * resources: where the built-in kinds that this project touches are served, and the paths of objects.
 */
import type { ObjectRef, Resource, Selection } from './types.ts';

const resource = (
  group: string,
  version: string,
  kind: string,
  plural: string,
  namespaced = true,
): Resource => ({
  group,
  version,
  kind,
  plural,
  namespaced,
});

/** The built-in kinds by what the code calls them. */
export const RESOURCES: Readonly<
  Record<
    | 'pod'
    | 'service'
    | 'secret'
    | 'node'
    | 'namespace'
    | 'serviceAccount'
    | 'event'
    | 'lease'
    | 'role'
    | 'roleBinding'
    | 'podDisruptionBudget'
    | 'endpointSlice'
    | 'customResourceDefinition',
    Resource
  >
> = {
  pod: resource('', 'v1', 'Pod', 'pods'),
  service: resource('', 'v1', 'Service', 'services'),
  secret: resource('', 'v1', 'Secret', 'secrets'),
  node: resource('', 'v1', 'Node', 'nodes', false),
  namespace: resource('', 'v1', 'Namespace', 'namespaces', false),
  serviceAccount: resource('', 'v1', 'ServiceAccount', 'serviceaccounts'),
  event: resource('events.k8s.io', 'v1', 'Event', 'events'),
  lease: resource('coordination.k8s.io', 'v1', 'Lease', 'leases'),
  role: resource('rbac.authorization.k8s.io', 'v1', 'Role', 'roles'),
  roleBinding: resource('rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings'),
  podDisruptionBudget: resource('policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  endpointSlice: resource('discovery.k8s.io', 'v1', 'EndpointSlice', 'endpointslices'),
  customResourceDefinition: resource(
    'apiextensions.k8s.io',
    'v1',
    'CustomResourceDefinition',
    'customresourcedefinitions',
    false,
  ),
};

/** Path of a collection. */
export function collectionPath(
  { group, version, plural, namespaced }: Resource,
  namespace: string | undefined,
): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const within = namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${within}/${plural}`;
}

export function objectPath(of: Resource, ref: ObjectRef, subresource?: string): string {
  const path = `${collectionPath(of, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** A query string of what is defined, with its question mark. */
export function query(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(parameters).filter((pair) => pair[1] !== undefined);
  if (given.length === 0) return '';
  return `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString()}`;
}

export function selectors({ labelSelector, fieldSelector }: Selection): {
  readonly labelSelector: string | undefined;
  readonly fieldSelector: string | undefined;
} {
  return { labelSelector, fieldSelector };
}
