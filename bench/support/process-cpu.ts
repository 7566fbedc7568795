/**
 * What other processes have had of the processor, from /proc (Linux).
 */
import { readFileSync } from 'node:fs';

/** /proc counts in hundredths of a second on every Linux there is. */
const TICK_MS = 10;
/** Fields of /proc/PID/stat behind the name in parentheses: state is the first. */
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;

/** Processor time of a process so far, all its threads, ms in steps of ten. @throws when there is no such process */
export function processCpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) * TICK_MS;
}
