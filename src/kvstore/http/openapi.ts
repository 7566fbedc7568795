/**
 * The OpenAPI 3.1 document of a table of routes.
 *
 * O1  It is made from the table that is served and from nothing else, so a route, parameter, header, body or error that is served is in it, and one that is in it is served.
 * O2  Equal tables give equal text: what is served at /v1/openapi.json can be compared and kept.
 */
import { z, type ZodType } from 'zod';
import { KV_ERROR_STATUS, type KvErrorCode } from '../errors.ts';
import { JSON_TYPE, OCTETS, PRIMARY_HEADER } from './headers.ts';
import { COMMON_ERRORS, type BodyShape, type QueryParameter, type Route } from './route.ts';
import { errorAnswer } from './schemas.ts';

type Json = Readonly<Record<string, unknown>>;

/** Version of the contract: the paths' v1, and what was added since. */
const CONTRACT_VERSION = '1.1.0';
const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'The request is not understood.',
  404: 'There is no such thing.',
  409: 'It does not fit what the store holds.',
  410: 'What is asked for is not kept any more.',
  413: 'Too large.',
  421: 'This replica is not the primary; ask the primary, which Holdfast-Primary names where it is known.',
  422: 'The request id or series belongs to another request.',
  429: 'Too much is under way; try again later.',
  500: 'A fault of the server.',
  503: 'Not now; the code says whether it may have happened.',
};

/** The document of `routes`. */
export function openApiOf(routes: readonly Route[]): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast key-value service',
      version: CONTRACT_VERSION,
      summary: 'A replicated key-value store whose acknowledged writes are in an object store.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: { schemas: { Error: schemaOf(errorAnswer) } },
  };
}

function operation(route: Route): Json {
  const parameters = [
    ...pathParameters(route.path),
    ...Object.entries(route.query).map(([name, parameter]) => queryParameter(name, parameter)),
    ...Object.entries(route.headers).map(([name, description]) => headerParameter(name, description)),
  ];
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: route.description,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body
      ? { requestBody: { required: route.body.kind === 'json', ...contentOf(route.body) } }
      : {}),
    responses: { 200: answer(route), ...refusals(route) },
  };
}

function answer(route: Route): Json {
  const headers = Object.fromEntries(
    route.answer.headers.map((name) => [name, { schema: { type: 'string' } }]),
  );
  const { description, content } = contentOf(route.answer);
  const { asBytes } = route.answer;
  return {
    description: asBytes === undefined ? description : `${description} ${asBytes}`,
    content: { ...content, ...(asBytes === undefined ? {} : { [OCTETS]: { schema: {} } }) },
    ...(route.answer.headers.length > 0 ? { headers } : {}),
  };
}

/** One answer a status, with the codes that give it. */
function refusals(route: Route): Json {
  const byStatus = new Map<number, KvErrorCode[]>();
  for (const code of new Set<KvErrorCode>([...route.errors, ...COMMON_ERRORS])) {
    const status = KV_ERROR_STATUS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: `${STATUS_TEXT[status] ?? 'Refused.'} Codes: ${codes.join(', ')}.`,
        ...(status === 421
          ? { headers: { [PRIMARY_HEADER]: { schema: { type: 'string', format: 'uri' } } } }
          : {}),
        content: { [JSON_TYPE]: { schema: { $ref: '#/components/schemas/Error' } } },
      },
    ]),
  );
}

function contentOf(shape: BodyShape): { readonly description: string; readonly content: Json } {
  const { description } = shape;
  if (shape.kind === 'bytes') return { description, content: { [OCTETS]: { schema: {} } } };
  return { description, content: { [JSON_TYPE]: { schema: schemaOf(shape.schema) } } };
}

function schemaOf(schema: ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema) as Record<string, unknown>;
  return rest;
}

function pathParameters(path: string): readonly Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    description:
      name === 'key'
        ? 'Any bytes: those outside A-Z a-z 0-9 - . _ ~ as %XX, also slashes.'
        : 'Number of the session.',
    schema: { type: 'string' },
  }));
}

function queryParameter(name: string, { description, type, repeats }: QueryParameter): Json {
  const of =
    type === 'integer'
      ? { type: 'integer', minimum: 0 }
      : type === 'bytes'
        ? { type: 'string' }
        : { type: 'string', enum: type };
  return {
    name,
    in: 'query',
    description,
    schema: repeats === true ? { type: 'array', items: of } : of,
    ...(repeats === true ? { style: 'form', explode: true } : {}),
  };
}

function headerParameter(name: string, description: string): Json {
  return { name, in: 'header', description, schema: { type: 'string' } };
}
