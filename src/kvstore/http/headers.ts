/**
 * Names of the HTTP contract that both sides share: server and client import them from here, so the client needs nothing of the server.
 *
 * X1  Names are lower case, as Node and undici hand headers out.
 */
export const REQUEST_ID_HEADER = 'holdfast-request-id';
export const SESSION_HEADER = 'holdfast-session';
export const SERIES_HEADER = 'holdfast-series';
export const RESPONDED_TO_HEADER = 'holdfast-responded-to';
export const APPLIED_INDEX_HEADER = 'holdfast-applied-index';
export const LAG_BYTES_HEADER = 'holdfast-lag-bytes';
export const EXPIRES_AT_HEADER = 'holdfast-expires-at';
export const PRIMARY_HEADER = 'holdfast-primary';
export const CHANGE_NUMBER_HEADER = 'holdfast-change-number';

/** Where the keys are: every target that begins so is a key, whatever bytes follow. */
export const KEY_PATH = '/v1/kv/';

export const OCTETS = 'application/octet-stream';
export const JSON_TYPE = 'application/json; charset=utf-8';
