/**
 * One object with annotations behind the KubeClient port: it compares versions as an API server does, and fails as a test tells it.
 */
import { KubeError, type KubeClient, type KubeObject } from '../../kube/index.ts';

/** What befalls the next write, or read. */
export type ObjectFault =
  /** It takes effect; the answer is lost. */
  | 'lose-answer'
  /** It never arrives. */
  | 'lose-request'
  /** Somebody else changes another part of the object just before. */
  | 'touched'
  | 'forbidden'
  | 'too-large';

export class ScriptedObject {
  annotations: Record<string, string> = {};
  exists = true;
  readonly writes: ObjectFault[] = [];
  readonly reads: ObjectFault[] = [];
  /** Writes that arrived. */
  arrived = 0;
  #version = 1;

  /** Only the calls that this room makes. */
  get kube(): KubeClient {
    const unused = (): never => {
      throw new TypeError('this call is not scripted');
    };
    return {
      get: () => this.#get(),
      mergePatch: (_resource, _ref, patch) => this.#patch(patch as unknown as Patch),
      list: unused,
      create: unused,
      update: unused,
      apply: unused,
      jsonPatch: unused,
      delete: unused,
      watch: unused,
      close: () => Promise.resolve(),
    };
  }

  /** Another writer changes something. */
  touch(annotations: Record<string, string> = {}): void {
    this.annotations = { ...this.annotations, ...annotations };
    this.#version++;
  }

  async #get(): Promise<KubeObject> {
    await Promise.resolve();
    const fault = this.reads.shift();
    if (fault === 'forbidden') throw refused('KUBE_FORBIDDEN', 403, true);
    if (fault !== undefined) throw unreachable();
    if (!this.exists) throw refused('KUBE_NOT_FOUND', 404, false);
    return this.#object();
  }

  async #patch({ metadata }: Patch): Promise<KubeObject> {
    await Promise.resolve();
    const fault = this.writes.shift();
    if (fault === 'forbidden') throw refused('KUBE_FORBIDDEN', 403, true);
    if (fault === 'too-large') throw refused('KUBE_TOO_LARGE', 413, false);
    if (fault === 'lose-request') throw unreachable();
    if (fault === 'touched') this.touch();
    if (metadata.resourceVersion !== String(this.#version)) throw refused('KUBE_CONFLICT', 409, false);
    this.touch(metadata.annotations);
    this.arrived++;
    if (fault === 'lose-answer') throw unreachable();
    return this.#object();
  }

  #object(): KubeObject {
    const annotations = { ...this.annotations };
    return { metadata: { name: 'o', uid: 'u', resourceVersion: String(this.#version), annotations } };
  }
}

interface Patch {
  readonly metadata: { readonly resourceVersion: string; readonly annotations: Record<string, string> };
}

function refused(
  code: 'KUBE_FORBIDDEN' | 'KUBE_NOT_FOUND' | 'KUBE_TOO_LARGE' | 'KUBE_CONFLICT',
  status: number,
  retryable: boolean,
): KubeError {
  return new KubeError(code, `scripted ${status}`, { status, retryable });
}

function unreachable(): KubeError {
  return new KubeError('KUBE_UNREACHABLE', 'scripted', { retryable: true });
}
