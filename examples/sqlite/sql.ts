/**
 * SQL over HTTP on a SQLite database that survives the loss of any pod or node.
 *
 *   POST /run    {"sql": "INSERT …", "parameters": […]}  ->  {"rows": […]}     one statement, durable when it is answered
 *   POST /query  {"sql": "SELECT …", "parameters": […]}  ->  {"rows": […]}     linearizable; ?consistency=… as everywhere
 */
import {
  CommandRefusedError,
  consistencyOf,
  HoldfastError,
  httpService,
  identityOf,
  jsonText,
  jsonValue,
  runService,
  SqliteMachine,
  type Row,
  type SqlParameters,
} from 'holdfast/sdk';

type Statement = { readonly sql: string; readonly parameters?: SqlParameters };

const machine = new SqliteMachine<Statement, readonly Row[], Statement, readonly Row[]>({
  schema: [],
  update: (sql, { sql: text, parameters }) => sql.all(text, parameters),
  lookup: (sql, { sql: text, parameters }) => sql.all(text, parameters),
});

const serve = httpService<Statement, readonly Row[]>((http, service, { clock }) => {
  http.post<{ Body: Statement }>('/run', { schema }, async (request, reply) => {
    const rows = await machine
      .propose(service, request.body, identityOf(request), clock.wallMs())
      .catch(badRequest);
    return reply.type('application/json').send(jsonText({ rows }));
  });
  http.post<{ Body: Statement }>('/query', { schema }, async (request, reply) => {
    const query = jsonValue(request.body) as Statement;
    const { answer: rows } = await service.read(query, consistencyOf(request)).catch(badRequest);
    return reply.type('application/json').send(jsonText({ rows }));
  });
});

/** Looked at before a statement is in the log: what is there is applied by every replica, so it had better make sense. */
const schema = { body: { type: 'object', required: ['sql'], properties: { sql: { type: 'string' } } } };

/** What SQLite says of a statement is the client's to know. */
function badRequest(error: unknown): never {
  const isTheirs =
    error instanceof CommandRefusedError ||
    (error instanceof HoldfastError && error.code.startsWith('SQLITE_'));
  throw isTheirs ? Object.assign(error, { statusCode: 400 }) : error;
}

await runService({ machine, serve });
