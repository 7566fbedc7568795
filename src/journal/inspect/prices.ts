/**
 * What stores ask for: the one table of prices, and where it comes from.
 */

/** US dollars. Deleting is free at all of these. */
export interface Prices {
  /** PUT and LIST, a thousand. */
  readonly putPer1000: number;
  /** GET and HEAD, a thousand; also when the answer is "not there". */
  readonly getPer1000: number;
  /** Storage, a gigabyte (10^9 bytes) and month. */
  readonly storageGbMonth: number;
  /** Bytes sent and received inside the region, a gigabyte. */
  readonly uploadGb: number;
  readonly downloadGb: number;
}

export const PRICES_SOURCE =
  'list prices of AWS us-east-1 and Cloudflare R2 as on their pages on 2026-11-20, without free tiers and discounts';

export const PRICES: Readonly<Record<'s3-standard' | 's3-express' | 'r2', Prices>> = {
  's3-standard': { putPer1000: 0.005, getPer1000: 0.0004, storageGbMonth: 0.023, uploadGb: 0, downloadGb: 0 },
  's3-express': {
    putPer1000: 0.00113,
    getPer1000: 0.00003,
    storageGbMonth: 0.11,
    uploadGb: 0.0032,
    downloadGb: 0.0006,
  },
  r2: { putPer1000: 0.0045, getPer1000: 0.00036, storageGbMonth: 0.015, uploadGb: 0, downloadGb: 0 },
};
