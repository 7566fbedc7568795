/**
 * objects: the one check that whatever came from the server is an object before anybody sees it.
 */
import { KubeError } from './errors.ts';
import type { KubeObject } from './types.ts';

/** @throws KubeError when the answer is no object */
export function object(answer: unknown): KubeObject {
  if (isObject(answer)) return answer;
  throw new KubeError(
    'KUBE_BAD_RESPONSE',
    'The answer of the API server is no object with a name and a version.',
    {
      retryable: false,
    },
  );
}

/** Whether an answer is an object: name and version are there. */
export function isObject(answer: unknown): answer is KubeObject {
  if (typeof answer !== 'object' || answer === null || !('metadata' in answer)) return false;
  const { metadata } = answer;
  return (
    typeof metadata === 'object' &&
    metadata !== null &&
    'name' in metadata &&
    typeof metadata.name === 'string' &&
    'resourceVersion' in metadata &&
    typeof metadata.resourceVersion === 'string'
  );
}
