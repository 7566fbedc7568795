/**
 * resources: where the built-in kinds that this project touches are served, and the paths of objects.
 *
 * P1  A name becomes one segment of a path or nothing at all: without its name the deletion of an object would be one of its whole collection, and
 *     one with a slash would lead to another object or part. Names may come from what a person wrote into a spec.
 */
import { KubeError } from './errors.ts';
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

/** Path of a collection. Without a namespace: of all of them. @throws KubeError, KUBE_INVALID (P1) */
export function collectionPath(
  { group, version, plural, namespaced }: Resource,
  namespace: string | undefined,
): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const within = namespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : '';
  return `${root}${within}/${plural}`;
}

/** Path of the collection that the objects of one place belong to. @throws KubeError, KUBE_INVALID (P1, or the namespace is missing) */
export function homePath(of: Resource, namespace: string | undefined): string {
  if (of.namespaced && namespace === undefined)
    throw new KubeError('KUBE_INVALID', `A ${of.kind} is in a namespace, and none was given.`, {
      retryable: false,
    });
  return collectionPath(of, namespace);
}

/** Path of an object or of a part of it. @throws KubeError, KUBE_INVALID (P1, or the namespace is missing) */
export function objectPath(of: Resource, ref: ObjectRef, subresource?: string): string {
  const path = `${homePath(of, ref.namespace)}/${segment(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** P1 */
function segment(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/%]/.test(name))
    throw new KubeError('KUBE_INVALID', `Nothing can be called ${JSON.stringify(name)}; correct the name.`, {
      retryable: false,
    });
  return encodeURIComponent(name);
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
