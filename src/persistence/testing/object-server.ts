/**
 * One annotated object behind the scripted API server, over real HTTP: it merges patches and compares versions as an API server does, and
 * fails as a test tells it. What ScriptedObject does at the port, this does on the wire.
 *
 * O1  A patch is taken only as a merge patch, and only with the version that is stored; a refused one changes nothing.
 */
import { refusal, RESET, type Script, type ScriptedServer } from '../../kube/testing/index.ts';

/** What befalls the next patch. */
export type WireFault =
  /** It takes effect; the answer gets lost. */
  | { readonly kind: 'after'; readonly answer: Script }
  /** It is answered without taking effect. */
  | { readonly kind: 'instead'; readonly answer: Script };

export const LOST_ANSWER: WireFault = { kind: 'after', answer: RESET };
export const LOST_REQUEST: WireFault = { kind: 'instead', answer: RESET };

interface MergePatch {
  readonly metadata: {
    readonly resourceVersion?: string;
    readonly annotations: Readonly<Record<string, string>>;
  };
}

export class ObjectServer {
  annotations: Readonly<Record<string, string>> = {};
  /** What the object was before its last change. */
  before: Readonly<Record<string, string>> = {};
  /** What the next reads are answered with, as a server does that lags behind: with a version that is long gone. */
  readonly stale: Readonly<Record<string, string>>[] = [];
  readonly faults: WireFault[] = [];
  /** Patches that took effect. */
  committed = 0;
  readonly #server: ScriptedServer;
  #version = 1;

  /** Takes over what `server` answers. */
  constructor(server: ScriptedServer) {
    this.#server = server;
    server.script = [(response) => this.#send(response, this.#answer())];
  }

  /** Another writer changes something. */
  touch(annotations: Readonly<Record<string, string>>): void {
    this.before = this.annotations;
    this.annotations = { ...this.annotations, ...annotations };
    this.#version++;
  }

  /** Answer to the request that came in last; the server calls this before it takes the next one. */
  #answer(): Script {
    const { method, contentType, body } = this.#server.seen.at(-1)!;
    if (method === 'GET') {
      const stale = this.stale.shift();
      return stale ? this.#object(stale, this.#version - 1) : this.#object();
    }
    if (method !== 'PATCH' || contentType !== 'application/merge-patch+json')
      return refusal(415, 'UnsupportedMediaType'); // O1
    const fault = this.faults.shift();
    if (fault?.kind === 'instead') return fault.answer;
    const { metadata } = body as MergePatch;
    if (metadata.resourceVersion !== String(this.#version)) return refusal(409, 'Conflict'); // O1
    this.touch(metadata.annotations);
    this.committed++;
    return fault?.answer ?? this.#object();
  }

  #object(annotations = this.annotations, version = this.#version): Script {
    const metadata = { name: 'o', uid: 'u', resourceVersion: String(version), annotations };
    return { status: 200, body: { metadata } };
  }

  #send(response: Parameters<Extract<Script, (...args: never[]) => unknown>>[0], script: Script): void {
    if (typeof script === 'function') return script(response);
    const body = typeof script.body === 'string' ? script.body : JSON.stringify(script.body);
    response.writeHead(script.status, { 'content-type': 'application/json', ...script.headers }).end(body);
  }
}
