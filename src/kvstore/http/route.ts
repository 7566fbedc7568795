/**
 * What a route is. One table of them (table.ts) is served, and the OpenAPI document is made from it: there is no second list.
 *
 * T1  What a route does not name does not exist: an unknown query parameter is refused, and no body is read where none is declared.
 * T2  Path templates have at most one variable, {key} or {session}.
 */
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { type ZodType } from 'zod';
import { type Clock, type Logger, type Random } from '../../base/index.ts';
import { type KvErrorCode } from '../errors.ts';
import { type KvService } from '../service.ts';
import { type Admission } from './admission.ts';
import { type Deadlines } from './deadlines.ts';

/** What handlers work with. */
export interface RouteContext {
  readonly service: KvService;
  readonly log: Logger;
  /** Counts operations that were answered without a request of their own. */
  readonly answered: (method: Route['method'], status: number, times: number) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly deadlines: { readonly write: Deadlines; readonly read: Deadlines };
  /** Places for snapshot streams. */
  readonly snapshots: Admission;
  /** The document that describes the table; made once. */
  readonly document: () => Promise<string>;
}

export interface QueryParameter {
  readonly description: string;
  /** May be given several times. */
  readonly repeats?: boolean;
  /** Bytes are percent-encoded, any of them; numbers are decimal. */
  readonly type: 'bytes' | 'integer' | readonly string[];
}

export type BodyShape =
  | { readonly kind: 'bytes'; readonly description: string }
  | { readonly kind: 'json'; readonly schema: ZodType; readonly description: string };

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** OpenAPI path template. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly query: Readonly<Record<string, QueryParameter>>;
  /** Request header -> what it means. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: BodyShape & { readonly maxBytes: number };
  /** `asBytes`: the same as bytes, for whoever sends Accept: application/octet-stream. */
  readonly answer: BodyShape & { readonly headers: readonly string[]; readonly asBytes?: string };
  /** Codes that this route can answer beside those of every route. */
  readonly errors: readonly KvErrorCode[];
  readonly handle: (
    context: RouteContext,
    request: FastifyRequest,
    reply: FastifyReply,
  ) => Promise<FastifyReply>;
}

/** Codes that any route can answer. */
export const COMMON_ERRORS = [
  'OVERLOADED',
  'INVALID_QUERY',
  'INVALID_BODY',
  'TOO_LARGE',
  'INTERNAL',
] as const;
