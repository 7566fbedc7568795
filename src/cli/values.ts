/**
 * Values of command line options, from text.
 */
import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** 1500, 64Ki, 1.5M; also with a B at the end. */
export function bytes(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)([kMGT]?|[KMGT]i)B?$/.exec(text) ?? [];
  const value = Number(digits) * (UNITS[unit] ?? Number.NaN);
  if (digits === '' || !Number.isSafeInteger(Math.round(value)))
    throw new InvalidArgumentError('Give bytes as 1500, 64Ki, 1.5M or 2GiB.');
  return Math.round(value);
}

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('Give a number that is not negative.');
  return value;
}

export function share(text: string): number {
  if (number(text) > 1) throw new InvalidArgumentError('Give a part between 0 and 1.');
  return number(text);
}

export function whole(text: string): number {
  if (!Number.isSafeInteger(number(text))) throw new InvalidArgumentError('Give a whole number.');
  return number(text);
}

/** An option that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

export function positive(text: string): number {
  if (whole(text) === 0) throw new InvalidArgumentError('Give a whole number above 0.');
  return whole(text);
}
