/**
 * What the tests of e2e/cluster share: an image with the pod program, pods made from it, and questions to a pod that runs it.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Cluster, ImageMap, Pod } from '../index.ts';

const PROGRAM = fileURLToPath(new URL('pod-program.mjs', import.meta.url));

/** `test:web` serves; `test:tool` has a program `tool` on its path, which is the same one. */
export const TEST_IMAGES: ImageMap = {
  'test:web': { entrypoint: [process.execPath, PROGRAM] },
  'test:tool': {
    entrypoint: ['/bin/false'],
    bins: { tool: [process.execPath, PROGRAM] },
    env: { FROM_IMAGE: 'yes' },
  },
};

/** What a test changes of the usual pod. */
export interface PodOptions {
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: object;
  readonly container?: object;
  readonly env?: readonly object[];
}

/** A pod of the test program. It has no readiness probe (a probe's period is a second): `runPod` asks the program itself. */
export function testPod(name: string, options: PodOptions = {}): object {
  const env = [
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ...(options.env ?? []),
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name, ...options.labels } },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 2,
      ...(options.node === undefined ? {} : { nodeName: options.node }),
      containers: [
        {
          name: 'main',
          image: 'test:web',
          env,
          ports: [
            { name: 'http', containerPort: 8080 },
            { name: 'echo', containerPort: 9000 },
          ],
          ...options.container,
        },
      ],
      ...options.spec,
    },
  };
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** Creates a test pod and waits until it is Ready and its program serves. */
export async function runPod(cluster: Cluster, name: string, options: PodOptions = {}): Promise<Pod> {
  await cluster.api.create('/api/v1/namespaces/default/pods', testPod(name, options));
  const pod = await cluster.waitForPod('default', name, isReady);
  await until(() =>
    ask(cluster, pod, '/name').then(
      () => true,
      () => false,
    ),
  );
  return pod;
}

/** The pod program's answer to one question, or its error as `{error}`. Rejects with TimeoutError when the pod is silent. */
export async function ask<T>(cluster: Cluster, pod: Pod, action: string, input: object = {}): Promise<T> {
  const url = `http://${cluster.dialAddress(pod.status!.podIP!)}:8080${action}?q=${encodeURIComponent(JSON.stringify(input))}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(2000), headers: { connection: 'close' } });
  return (await response.json()) as T;
}

/** Polls until `condition` holds; the test's own timeout is the limit. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 25));
}

/** Whether a process of that pid is there (a zombie counts as gone). */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
}
