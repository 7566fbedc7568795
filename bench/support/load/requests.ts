/**
 * Puts and linearizable gets of one key, as each of the three interfaces wants them, made in advance: only the key is filled in.
 */
import { operationToBytes, type BulkOperation } from '../../../src/kvstore/testing/index.ts';
import { openBulk } from './bulk-wire.ts';
import { openGrpc, grpcRequest } from './grpc-wire.ts';
import { openHttp } from './http-wire.ts';
import type { OpenWire } from './wire.ts';

/** Our HTTP API, a request for each operation or one for many; etcd's JSON gateway; etcd's gRPC API. */
export type Interface = 'holdfast' | 'holdfast-bulk' | 'etcd-json' | 'etcd-grpc';
export type Operation = 'put' | 'get';

/** Length of every key: nine bytes are twelve characters of base64 without a rest. */
const KEY_BYTES = 9;
const PLACE = '~'.repeat(KEY_BYTES);

/** The key of a number below 10^8. */
export function keyOf(n: number): string {
  return `k${String(n).padStart(KEY_BYTES - 1, '0')}`;
}

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

/** One request; `fill` makes it that for a key. */
export interface Template {
  readonly bytes: Buffer;
  readonly fill: (key: string) => void;
  /** What the body of a success has at least, bytes. */
  readonly leastBytes: number;
}

function template(bytes: Buffer, encode: (key: string) => string, leastBytes: number): Template {
  const at = bytes.indexOf(encode(PLACE));
  if (at < 0) throw new Error('the request has no place for a key');
  return { bytes, leastBytes, fill: (key) => void bytes.write(encode(key), at, 'latin1') };
}

function http(method: string, path: string, body: string, type: string): Buffer {
  const content = body === '' ? '' : `content-type: ${type}\r\ncontent-length: ${body.length}\r\n`;
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${content}\r\n${body}`, 'latin1');
}

/** Field `number` of a protobuf message: bytes below 16 KiB. */
function field(number: number, bytes: Buffer): Buffer {
  const { length } = bytes;
  const size = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...size]), bytes]);
}

const plain = (key: string): string => key;
const PLACE_BYTES = Buffer.from(PLACE, 'latin1');

type Templates = Readonly<Record<Operation, (value: string) => Template>>;

const HOLDFAST: Templates = {
  put: (value) => template(http('PUT', `/v1/kv/${PLACE}`, value, 'application/octet-stream'), plain, 1),
  get: (value) => template(http('GET', `/v1/kv/${PLACE}`, '', ''), plain, value.length),
};

const bulkOperation = (operation: BulkOperation): Buffer => Buffer.from(operationToBytes(operation));

const HOLDFAST_BULK: Templates = {
  put: (value) => {
    const put = { kind: 'put', key: PLACE_BYTES, value: Buffer.from(value, 'latin1') } as const;
    const operation = { ...put, expiry: { kind: 'never' }, identity: { kind: 'none' } } as const;
    return template(bulkOperation(operation), plain, 0);
  },
  get: (value) =>
    template(
      bulkOperation({ kind: 'get', key: PLACE_BYTES, consistency: 'linearizable' }),
      plain,
      value.length,
    ),
};

const ETCD_JSON: Templates = {
  put: (value) => {
    const body = JSON.stringify({ key: base64(PLACE), value: base64(value) });
    return template(http('POST', '/v3/kv/put', body, 'application/json'), base64, 1);
  },
  get: (value) => {
    const body = JSON.stringify({ key: base64(PLACE) });
    return template(http('POST', '/v3/kv/range', body, 'application/json'), base64, value.length);
  },
};

const ETCD_GRPC: Templates = {
  put: (value) => {
    const message = Buffer.concat([field(1, PLACE_BYTES), field(2, Buffer.from(value, 'latin1'))]);
    return template(grpcRequest('/etcdserverpb.KV/Put', message), plain, 1);
  },
  get: (value) => template(grpcRequest('/etcdserverpb.KV/Range', field(1, PLACE_BYTES)), plain, value.length),
};

/** How an interface is spoken. */
export const INTERFACES: Readonly<
  Record<Interface, { readonly open: OpenWire; readonly templates: Templates }>
> = {
  holdfast: { open: openHttp, templates: HOLDFAST },
  'holdfast-bulk': { open: openBulk, templates: HOLDFAST_BULK },
  'etcd-json': { open: openHttp, templates: ETCD_JSON },
  'etcd-grpc': { open: openGrpc, templates: ETCD_GRPC },
};
