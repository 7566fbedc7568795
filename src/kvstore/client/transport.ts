/**
 * One exchange with one replica: bytes out, bytes in.
 */
import { Agent } from 'undici';
import { JSON_TYPE, OCTETS, PRIMARY_HEADER } from '../http/headers.ts';
import type { Told } from './attempts.ts';
import { KvRefusedError } from './errors.ts';

export interface Outgoing {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** As it goes out: a URL would fold the keys "." and ".." away. */
  readonly target: string;
  /** Text is JSON. */
  readonly body?: Uint8Array | string;
}

export interface Incoming {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

/** An answer whose body is read as it arrives. */
export interface IncomingStream {
  readonly status: number;
  readonly headers: Incoming['headers'];
  readonly body: AsyncIterable<Uint8Array>;
}

export class Transport {
  /** HTTP/1.1: Node's HTTP/2 sessions spin without end when requests are given up while their server is away. */
  readonly #agent: Agent = new Agent({
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0, // an exchange ends by its caller's signal: a backup may take longer to answer than any default
    bodyTimeout: 0,
  });

  /** @throws what undici throws, or the signal's reason */
  async send(
    url: URL,
    outgoing: Outgoing,
    extra: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Incoming> {
    const reply = await this.#request(url, outgoing, extra, signal);
    return {
      status: reply.statusCode,
      headers: reply.headers,
      body: new Uint8Array(await reply.body.arrayBuffer()),
    };
  }

  /** The same, with the body still on its way. It must be read to its end, or the signal aborted. */
  async open(url: URL, outgoing: Outgoing, signal: AbortSignal): Promise<IncomingStream> {
    const reply = await this.#request(url, outgoing, {}, signal);
    return {
      status: reply.statusCode,
      headers: reply.headers,
      body: reply.body as AsyncIterable<Uint8Array>,
    };
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #request(
    url: URL,
    { method, target, body }: Outgoing,
    extra: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): ReturnType<Agent['request']> {
    const headers: Record<string, string> = { ...extra };
    if (body !== undefined) headers['content-type'] = typeof body === 'string' ? JSON_TYPE : OCTETS;
    return this.#agent.request({
      origin: url.origin,
      path: target,
      method,
      headers,
      body: body ?? null,
      signal,
    });
  }
}

/** What a reply says: itself, or a refusal. */
export function toldBy(reply: Incoming): Told<Incoming> {
  if (reply.status < 300) return { kind: 'ok', value: reply };
  const primary = reply.headers[PRIMARY_HEADER];
  return {
    kind: 'refused',
    refusal: KvRefusedError.of(reply.status, jsonOf(reply)),
    primary: typeof primary === 'string' ? primary : undefined,
  };
}

/** The JSON object in a reply; empty for anything else, such as a proxy's page. */
export function jsonOf(reply: Incoming): Readonly<Record<string, unknown>> {
  if (!String(reply.headers['content-type'] ?? '').startsWith('application/json')) return {};
  const json: unknown = JSON.parse(Buffer.from(reply.body).toString('utf8'));
  return typeof json === 'object' && json !== null ? (json as Readonly<Record<string, unknown>>) : {};
}
