/**
 * HTTP/1.1 over a connection that is kept, one request at a time: what an ordinary client of an HTTP API does, without what it costs.
 *
 * W2  Answers announce their length; one that comes in chunks is an error, since neither side of the comparison sends such.
 */
import { openSocket, type OpenWire } from './wire.ts';

const HEAD_END = '\r\n\r\n';
const LENGTH = /\r\ncontent-length: (\d+)/i;
const OK = '200';
const STATUS_AT = 'HTTP/1.1 '.length;

/** The first answer in `bytes`, once it is there whole. @param leastBytes of the body, or it is no success (W1) */
export function responseIn(
  bytes: Buffer,
  leastBytes: number,
): { readonly bytes: number; readonly body: Buffer } | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end);
  const announced = LENGTH.exec(head);
  if (!announced) throw new Error(`an answer without a length: ${head}`);
  const begin = end + HEAD_END.length;
  const total = begin + Number(announced[1]);
  if (bytes.length < total) return undefined;
  if (head.slice(STATUS_AT, STATUS_AT + OK.length) !== OK || Number(announced[1]) < leastBytes)
    throw new Error(`not the answer of a success: ${bytes.toString('latin1', 0, total)}`);
  return { bytes: total, body: bytes.subarray(begin, total) };
}

export const openHttp: OpenWire = async (port, events) => {
  let least = 0;
  const receive = (bytes: Buffer): number => {
    const response = responseIn(bytes, least);
    if (!response) return 0;
    events.answered(0);
    return response.bytes;
  };
  const socket = await openSocket(port, receive, events.failed);
  return {
    send: (_slot, request, leastBytes) => {
      least = leastBytes;
      socket.write(request);
    },
    close: () => socket.destroy(),
  };
};
