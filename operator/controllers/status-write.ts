/**
 * One way to write a status: only differences, and only on top of the very version that they were derived from (I8).
 */
import { isKubeError, type KubeClient, type KubeObject, type Resource } from '../../src/kube/index.ts';
import { mergePatch } from './merge-patch.ts';

export type StatusWrite =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'written'; readonly object: KubeObject }
  /** Somebody else wrote in between: nothing was changed; look again. */
  | { readonly kind: 'conflict' };

export type Status = Readonly<Record<string, unknown>>;

/** The status as it stands in the object. */
export function statusOf(object: KubeObject): Status {
  return (object['status'] ?? {}) as Status;
}

/** Makes the status equal to `next` if the object is still what it was. @throws KubeError other than a conflict */
export async function writeStatus(
  kube: KubeClient,
  resource: Resource,
  object: KubeObject,
  next: Status,
  signal: AbortSignal,
): Promise<StatusWrite> {
  const status = mergePatch(statusOf(object), next);
  if (!status) return { kind: 'unchanged' };
  const { namespace, name, resourceVersion, uid } = object.metadata;
  const patch = { metadata: { resourceVersion, uid }, status };
  try {
    const written = await kube.mergePatch(resource, { namespace, name }, patch, {
      signal,
      subresource: 'status',
    });
    return { kind: 'written', object: written };
  } catch (thrown) {
    if (isKubeError(thrown, 'KUBE_CONFLICT', 'KUBE_NOT_FOUND')) return { kind: 'conflict' };
    throw thrown;
  }
}
