/**
 * The JSON value of a request's body. Bodies arrive as bytes whatever their type says; those that are to be JSON say so.
 */
import { type FastifyRequest } from 'fastify';
import { badBody } from './json-bytes.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** @throws KvError INVALID_BODY */
export function jsonBody(request: FastifyRequest): unknown {
  const type = request.headers['content-type'] ?? '';
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) throw badBody('there is none');
  if (!/^application\/json\s*(;|$)/i.test(type)) throw badBody(`its type is "${type}", not application/json`);
  try {
    return JSON.parse(decoder.decode(request.body));
  } catch (error) {
    throw badBody(`it is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
}
