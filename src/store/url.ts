/**
 * Store URLs: how a person names a store (DESIGN §3, end).
 *
 *   s3://bucket/prefix?endpoint=https://host:port&region=eu-central-1&forcePathStyle=true
 *   file:///absolute/directory
 *   memory:
 *
 * U1  parse(format(location)) = location, and format(parse(url)) is the canonical form of url.
 * U2  A credential in a URL is refused, and no message repeats it.
 * U3  Nothing is guessed: an unknown parameter or a relative part is an error that names what is known.
 */
import { normalize } from 'node:path';
import { HoldfastError, unreachable } from '../base/index.ts';
import { keyProblem } from './keys.ts';

export interface S3Location {
  readonly scheme: 's3';
  readonly bucket: string;
  /** Without slashes at its ends; '' for none. */
  readonly prefix: string;
  /** Origin of a store that is not AWS; undefined for AWS. */
  readonly endpoint: string | undefined;
  /** Undefined: from the environment or profile at AWS, us-east-1 at a custom endpoint. */
  readonly region: string | undefined;
  /** Bucket in the path instead of the host name; default true exactly where there is an endpoint (s3log.md §6.12). */
  readonly forcePathStyle: boolean;
}

export interface FileLocation {
  readonly scheme: 'file';
  /** Absolute path of a directory that exists. */
  readonly path: string;
}

export interface MemoryLocation {
  readonly scheme: 'memory';
}

export type StoreLocation = S3Location | FileLocation | MemoryLocation;

/** A store URL that cannot be used. */
export class StoreUrlError extends HoldfastError {
  constructor(problem: string) {
    super(
      'STORE_URL_INVALID',
      `The store URL ${problem}. A store is named like s3://bucket/prefix?endpoint=…&region=…&forcePathStyle=true, file:///path or memory:.`,
      { fields: { problem } },
    );
  }
}

const PARAMETERS = ['endpoint', 'region', 'forcePathStyle'];
/** AWS's rule is narrower; older and other stores also have upper case and underscores. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;
const REGION = /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/;

/** @throws StoreUrlError that says what is wrong. */
export function parseStoreUrl(url: string): StoreLocation {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  switch (scheme) {
    case 's3':
      return parseS3(url);
    case 'file':
      return parseFile(url);
    case 'memory':
      if (!/^memory:$/i.test(url)) throw new StoreUrlError('memory: takes nothing after the colon');
      return { scheme: 'memory' };
    case undefined:
      throw new StoreUrlError('has no scheme');
    default:
      throw new StoreUrlError(`has the unknown scheme ${scheme}:`);
  }
}

/** The canonical URL of a location (U1). @throws StoreUrlError when the location could not be parsed back. */
export function formatStoreUrl(location: StoreLocation): string {
  switch (location.scheme) {
    case 'memory':
      return 'memory:';
    case 'file':
      checkPath(location.path);
      return `file://${location.path.split('/').map(encodeURIComponent).join('/')}`;
    case 's3':
      return formatS3(location);
  }
  return unreachable(location);
}

function formatS3(location: S3Location): string {
  checkS3(location);
  const prefix =
    location.prefix === '' ? '' : `/${location.prefix.split('/').map(encodeURIComponent).join('/')}`;
  const parameters: string[] = []; // none of these characters needs an escape in a query
  if (location.endpoint !== undefined) parameters.push(`endpoint=${location.endpoint}`);
  if (location.region !== undefined) parameters.push(`region=${location.region}`);
  if (location.forcePathStyle !== (location.endpoint !== undefined))
    parameters.push(`forcePathStyle=${location.forcePathStyle}`);
  return `s3://${location.bucket}${prefix}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}`;
}

function parseS3(url: string): S3Location {
  const match = /^s3:\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/i.exec(url);
  if (!match) throw new StoreUrlError('is not of the form s3://bucket/prefix?parameters');
  const [, bucket = '', path = '', query = ''] = match;
  if (bucket.includes('@')) throw new StoreUrlError(CREDENTIALS_IN_URL);
  const parameters = parseQuery(query);
  const endpoint = parseEndpoint(parameters.get('endpoint'));
  const location: S3Location = {
    scheme: 's3',
    bucket,
    prefix: decode(path).replaceAll(/^\/|\/$/g, ''),
    endpoint,
    region: parameters.get('region'),
    forcePathStyle: parseFlag(parameters.get('forcePathStyle')) ?? endpoint !== undefined,
  };
  checkS3(location);
  return location;
}

const CREDENTIALS_IN_URL =
  'holds credentials (they are not repeated here); give them by environment or profile instead';

function checkS3(location: S3Location): void {
  if (!BUCKET.test(location.bucket)) throw new StoreUrlError('names no valid bucket');
  if (location.prefix !== '') {
    const problem = keyProblem(location.prefix);
    if (problem !== undefined) throw new StoreUrlError(`has a prefix that ${problem}`);
  }
  if (location.region !== undefined && !REGION.test(location.region))
    throw new StoreUrlError('names no valid region');
  if (location.endpoint !== parseEndpoint(location.endpoint))
    throw new StoreUrlError('has an endpoint that is not an origin');
}

function parseQuery(query: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!PARAMETERS.includes(name)) {
      const secret = /key|secret|token|password|credential/i.test(name);
      throw new StoreUrlError(
        secret
          ? CREDENTIALS_IN_URL
          : `has the unknown parameter ${JSON.stringify(name.slice(0, 40))} (known: ${PARAMETERS.join(', ')})`,
      );
    }
    if (found.has(name)) throw new StoreUrlError(`has ${name} twice`);
    if (value === '') throw new StoreUrlError(`has an empty ${name}`);
    found.set(name, value);
  }
  return found;
}

function parseEndpoint(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (!URL.canParse(text)) throw new StoreUrlError('has an endpoint that is no URL');
  const endpoint = new URL(text);
  if (endpoint.username !== '' || endpoint.password !== '') throw new StoreUrlError(CREDENTIALS_IN_URL);
  if (endpoint.protocol !== 'http:' && endpoint.protocol !== 'https:')
    throw new StoreUrlError('has an endpoint that is neither http nor https');
  if (endpoint.pathname !== '/' || endpoint.search !== '' || endpoint.hash !== '')
    throw new StoreUrlError('has an endpoint with more than scheme, host and port');
  return endpoint.origin;
}

function parseFlag(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text !== 'true' && text !== 'false')
    throw new StoreUrlError('has a forcePathStyle that is neither true nor false');
  return text === 'true';
}

function parseFile(url: string): FileLocation {
  const match = /^file:\/\/(?:localhost)?(\/[^?#]*)$/i.exec(url);
  if (!match?.[1]) throw new StoreUrlError('is not of the form file:///absolute/directory');
  const normal = normalize(decode(match[1]));
  const path = normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
  checkPath(path);
  return { scheme: 'file', path };
}

function checkPath(path: string): void {
  if (
    !path.startsWith('/') ||
    path.includes('\0') ||
    normalize(path) !== path ||
    (path.endsWith('/') && path !== '/')
  )
    throw new StoreUrlError('names a path that is not absolute and plain');
  if (path === '/')
    throw new StoreUrlError('names the root directory; give the store a directory of its own');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new StoreUrlError('has a broken %-escape');
  }
}
