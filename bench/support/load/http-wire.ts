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

export const openHttp: OpenWire = async (port, events) => {
  let least = 0;
  const receive = (bytes: Buffer): number => {
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) return 0;
    const head = bytes.toString('latin1', 0, end);
    const announced = LENGTH.exec(head);
    if (!announced) throw new Error(`an answer without a length: ${head}`);
    const total = end + HEAD_END.length + Number(announced[1]);
    if (bytes.length < total) return 0;
    if (head.slice(STATUS_AT, STATUS_AT + OK.length) !== OK || Number(announced[1]) < least)
      throw new Error(`not the answer of a success: ${bytes.toString('latin1', 0, total)}`);
    events.answered(0);
    return total;
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
