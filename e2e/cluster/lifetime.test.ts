/**
 * A cluster ends with its harness, in an orderly way or not: no process and no directory is left behind.
 */
import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { startCluster } from './index.ts';
import { MARK_VARIABLE, markedProcesses } from './watchdog.ts';
import { isAlive, isReady, TEST_IMAGES, testPod, until } from './testing/index.ts';

const DOOR = new URL('index.ts', import.meta.url).href;
const TESTING = new URL('testing/index.ts', import.meta.url).href;

/** The run's mark of a process that carries one. */
async function markOf(pid: number): Promise<string> {
  const environment = (await readFile(`/proc/${pid}/environ`, 'latin1')).split('\0');
  return environment.find((entry) => entry.startsWith(`${MARK_VARIABLE}=`))!.slice(MARK_VARIABLE.length + 1);
}

test('stop ends every process, also one that left its group, and removes what was written', async () => {
  const cluster = await startCluster({ images: TEST_IMAGES, zones: ['one'] });
  const command = ['sh', '-c', 'setsid sleep 1000 & exec sleep 1000'];
  await cluster.api.create('/api/v1/namespaces/default/pods', testPod('leaks', { container: { command } }));
  await cluster.waitForPod('default', 'leaks', isReady);
  const run = await markOf(cluster.pods()[0]!.containers[0]!.pid!);
  await until(() => markedProcesses(run).length >= 6); // four servers, the container, its runaway
  const pids = markedProcesses(run);
  await cluster.stop();
  await cluster.stop();
  expect(await Promise.all(pids.map(isAlive))).toEqual(pids.map(() => false));
  expect(existsSync(cluster.logDirectory)).toBe(false);
  expect(existsSync(cluster.kubeconfig)).toBe(false);
}, 60_000);

test('a harness that is killed hard takes control plane, nodes and pods along', async () => {
  const program = `const { startCluster } = await import(${JSON.stringify(DOOR)});
    const { runPod, TEST_IMAGES } = await import(${JSON.stringify(TESTING)});
    const cluster = await startCluster({ images: TEST_IMAGES, zones: ['one'] });
    await runPod(cluster, 'orphan');
    console.log(JSON.stringify({ pid: cluster.pods()[0].containers[0].pid, directory: cluster.logDirectory, kubeconfig: cluster.kubeconfig }));`;
  const harness = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(harness.stdout), 'line')) as [string];
  const { pid, directory, kubeconfig } = JSON.parse(line) as {
    pid: number;
    directory: string;
    kubeconfig: string;
  };
  const run = await markOf(pid);
  expect(markedProcesses(run).length).toBeGreaterThanOrEqual(5);
  harness.kill('SIGKILL');
  await until(() => markedProcesses(run).length === 0);
  await until(() => !existsSync(directory) && !existsSync(kubeconfig));
}, 60_000);
