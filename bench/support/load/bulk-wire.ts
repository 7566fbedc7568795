/**
 * Many operations in one request over HTTP/1.1 (src/kvstore/http/bulk-bytes.ts), as the client of holdfast/kv sends them: what has gathered while the request before was
 * under way goes in the next one.
 *
 * W5  A put has succeeded when it is done, a get when it has a value.
 */
import { bulkOf, outcomesFromBytes } from '../../../src/kvstore/testing/index.ts';
import { responseIn } from './http-wire.ts';
import { openSocket, type OpenWire } from './wire.ts';

export const openBulk: OpenWire = async (port, { answered, failed }) => {
  let waiting: { readonly slot: number; readonly operation: Buffer; readonly leastBytes: number }[] = [];
  let sent: typeof waiting = [];
  let isGathering = false;
  const receive = (bytes: Buffer): number => {
    const response = responseIn(bytes, 1);
    if (!response) return 0;
    const outcomes = outcomesFromBytes(response.body);
    const asked = sent;
    sent = [];
    for (const [n, { slot, leastBytes }] of asked.entries()) {
      const outcome = outcomes[n];
      const isSuccess =
        outcome?.kind === 'done' || (outcome?.kind === 'value' && outcome.value.length >= leastBytes);
      if (!isSuccess) throw new Error(`not the outcome of a success: ${JSON.stringify(outcome)}`);
      answered(slot);
    }
    return response.bytes;
  };
  const socket = await openSocket(port, receive, failed);
  const send = (): void => {
    isGathering = false;
    if (sent.length > 0 || waiting.length === 0) return;
    sent = waiting;
    waiting = [];
    const body = bulkOf(sent.map(({ operation }) => operation));
    socket.write(
      Buffer.concat([
        Buffer.from(
          `POST /v1/bulk HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/octet-stream\r\ncontent-length: ${body.length}\r\n\r\n`,
          'latin1',
        ),
        body,
      ]),
    );
  };
  return {
    send: (slot, operation, leastBytes) => {
      waiting.push({ slot, operation, leastBytes });
      if (isGathering || sent.length > 0) return; // those of the request before are answered first
      isGathering = true;
      process.nextTick(send);
    },
    close: () => socket.destroy(),
  };
};
