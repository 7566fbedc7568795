/**
 * A collection of objects at the API server as the runtime wants it.
 */
import type { KubeClient, KubeObject, Resource, Selection } from '../../src/kube/index.ts';
import type { ListWatch } from '../runtime/index.ts';

/** The objects of `resource` that `selection` selects. */
export function listWatch(
  kube: KubeClient,
  resource: Resource,
  selection: Selection = {},
): ListWatch<KubeObject> {
  return {
    list: (request) => kube.list(resource, { ...selection, ...request }),
    watch: (request) => kube.watch(resource, { ...selection, ...request }),
  };
}
