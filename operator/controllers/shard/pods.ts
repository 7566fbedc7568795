/**
 * Carries out a plan for the pods of one shard.
 *
 * C1  Nothing is made or deleted while the cache does not show what this process made or deleted before.
 * C2  A creation that got no answer is tried again under the same name; so it happens once.
 * C3  A deletion names the UID that was seen; another pod is never hit.
 * C4  The label `primary` is taken from the old one before it is given to the new one.
 */
import { KINDS, LABELS } from '../../../src/api/index.ts';
import type { Random } from '../../../src/base/index.ts';
import { isKubeError, RESOURCES, type KubeObject } from '../../../src/kube/index.ts';
import type { PodPlan } from '../../plan/index.ts';
import { Expectations } from '../../runtime/index.ts';
import { FIELD_MANAGER, type ControllerPorts } from '../ports.ts';
import { asShard, isOwnedBy } from '../views.ts';
import { unansweredName, type ShardMemory } from './memory.ts';
import type { Provisions } from './prerequisites.ts';
import { podFor } from './resources.ts';

export interface PodImage {
  /** Image of pods whose Shard names none. */
  readonly image: string;
  readonly imagePullPolicy: string;
}

/** Letters and digits that form no words and are not mistaken for each other, as Kubernetes uses them. */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
/** A pod's name becomes its host name: 63 characters with dash and suffix. */
const MAX_BASE = 57;

export class PodHands {
  readonly #ports: ControllerPorts;
  readonly #image: PodImage;
  readonly #expectations: Expectations<KubeObject>;

  constructor(ports: ControllerPorts, image: PodImage) {
    this.#ports = ports;
    this.#image = image;
    this.#expectations = new Expectations(ports.caches.pods, ports.clock);
  }

  /** True while the cache lies behind our own writes to the pods of this shard (C1). */
  mustWait(key: string): boolean {
    return this.#expectations.pending(key).length > 0;
  }

  forget(key: string): void {
    this.#expectations.forget(key);
  }

  /** Moves role labels (C4). @throws KubeError */
  async label(key: string, plan: PodPlan, namespace: string, signal: AbortSignal): Promise<void> {
    const ordered = [...plan.labels].sort(
      (a, b) => Number(a.role === 'primary') - Number(b.role === 'primary'),
    );
    for (const { pod, uid, role } of ordered) {
      const patch = { metadata: { uid, labels: { [LABELS.role]: role } } };
      try {
        const written = await this.#ports.kube.mergePatch(RESOURCES.pod, { namespace, name: pod }, patch, {
          signal,
        });
        this.#expectations.expectWritten(key, written);
      } catch (thrown) {
        if (!isKubeError(thrown, 'KUBE_NOT_FOUND', 'KUBE_CONFLICT')) throw thrown; // gone, or another pod
      }
    }
  }

  /** Deletes pods (C1, C3). @throws KubeError */
  async delete(key: string, shard: KubeObject, plan: PodPlan, signal: AbortSignal): Promise<void> {
    const { kube, caches, log } = this.#ports;
    const { namespace } = shard.metadata;
    for (const { pod, uid, reason } of plan.delete) {
      try {
        await kube.delete(RESOURCES.pod, { namespace, name: pod }, { uid, signal });
      } catch (thrown) {
        if (!isKubeError(thrown, 'KUBE_CONFLICT', 'KUBE_NOT_FOUND')) throw thrown; // another pod now, or gone
      }
      const cached = caches.pods.get(`${namespace}/${pod}`);
      if (cached?.metadata.uid === uid) this.#expectations.expectDeleted(key, cached);
      log.info('pod deleted', { shard: key, pod, reason });
      this.#tell(shard, 'PodDeleted', `Deleted pod ${pod} (${reason}).`);
    }
  }

  /** Makes `count` pods (C1, C2). @throws KubeError */
  async create(
    key: string,
    shard: KubeObject,
    count: number,
    provisions: Provisions,
    memory: ShardMemory,
    signal: AbortSignal,
  ): Promise<void> {
    for (let made = 0; made < count; made++) {
      const nowMs = this.#ports.clock.monotonicMs();
      const name = unansweredName(memory, nowMs) ?? podName(shard.metadata.name, this.#ports.random);
      if (!memory.unansweredPods.has(name)) memory.unansweredPods.set(name, nowMs); // C2: until there is an answer
      const pod = await this.#createOne(shard, name, provisions, signal);
      memory.unansweredPods.delete(name);
      if (!pod) continue;
      this.#expectations.expectWritten(key, pod);
      this.#ports.log.info('pod created', { shard: key, pod: name });
      this.#tell(shard, 'PodCreated', `Created pod ${name}.`);
    }
  }

  /** The pod; undefined when the name belongs to somebody else. */
  async #createOne(
    shard: KubeObject,
    name: string,
    provisions: Provisions,
    signal: AbortSignal,
  ): Promise<KubeObject | undefined> {
    const { kube } = this.#ports;
    const parsed = asShard(shard);
    const { namespace } = shard.metadata;
    const manifest = podFor({
      shard: parsed,
      ...provisions,
      podName: name,
      image: parsed.spec.template.image ?? this.#image.image,
      imagePullPolicy: parsed.spec.template.imagePullPolicy ?? this.#image.imagePullPolicy,
    });
    try {
      return await kube.create(RESOURCES.pod, manifest, { signal, fieldManager: FIELD_MANAGER });
    } catch (thrown) {
      if (!isKubeError(thrown, 'KUBE_ALREADY_EXISTS')) throw thrown;
      const held = await kube.get(RESOURCES.pod, { namespace, name }, { signal });
      return isOwnedBy(held, shard.metadata.uid) ? held : undefined;
    }
  }

  #tell(shard: KubeObject, reason: string, message: string): void {
    this.#ports.events.tell(KINDS.shard, shard, { type: 'Normal', reason, message });
  }
}

/** A name that was never used before, but for a chance of one in fourteen million. */
export function podName(shard: string, random: Random): string {
  let suffix = '';
  while (suffix.length < SUFFIX_LENGTH) suffix += SUFFIX_ALPHABET[random.below(SUFFIX_ALPHABET.length)];
  return `${shard.slice(0, MAX_BASE)}-${suffix}`;
}
