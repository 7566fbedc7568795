/**
 * A service of one's own: counters that survive the loss of any pod or node. A regular state machine, and two routes.
 *
 *   POST /add/<name>/<by>  ->  {"value": …}      GET /value/<name>  ->  {"value": …}
 */
import {
  bytesOfChunks,
  consistencyOf,
  decodeJson,
  EMPTY_BYTES,
  encodeJson,
  httpService,
  identityOf,
  runService,
  type Entry,
  type RegularStateMachine,
  type Result,
  type WriteChunk,
} from 'holdfast/sdk';

type Add = { readonly name: string; readonly by: number };

class Counters implements RegularStateMachine<string, number> {
  readonly kind = 'regular';
  #values = new Map<string, number>();

  update({ cmd }: Entry): Result {
    const { name, by } = decodeJson(cmd) as Add;
    const value = (this.#values.get(name) ?? 0) + by;
    this.#values.set(name, value);
    return { value, data: EMPTY_BYTES };
  }

  lookup(name: string): number {
    return this.#values.get(name) ?? 0;
  }

  async saveSnapshot(write: WriteChunk): Promise<void> {
    await write(encodeJson([...this.#values]));
  }

  async recoverFromSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.#values = new Map(decodeJson(await bytesOfChunks(chunks)) as [string, number][]);
  }

  close(): void {}
}

const serve = httpService<string, number>((http, service) => {
  http.post<{ Params: { name: string; by: string } }>('/add/:name/:by(^\\d{1,9}$)', async (request) => {
    const add: Add = { name: request.params.name, by: Number(request.params.by) };
    return { value: (await service.propose(encodeJson(add), identityOf(request))).value };
  });
  http.get<{ Params: { name: string } }>('/value/:name', async (request) => {
    return { value: (await service.read(request.params.name, consistencyOf(request))).answer };
  });
});

await runService({ machine: new Counters(), serve });
