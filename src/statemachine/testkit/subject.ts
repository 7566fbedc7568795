/**
 * testkit/subject: what is put to the test, and how a broken rule is told.
 */
import { HoldfastError, type ErrorFields } from '../../base/index.ts';
import type { RecordedFs } from '../../recoverylog/index.ts';
import type { StateMachine } from '../types.ts';

/** A state machine of any kind with what the kit needs to exercise it. */
export interface Subject<Query = unknown, Answer = unknown, View = unknown> {
  readonly kind: StateMachine<Query, Answer, View>['kind'];
  /**
   * A new machine in its initial state; one of the on-disk kind is opened by the kit.
   * @param fs a recorded directory of its own, for machines that are not of the on-disk kind and have files (`needsDirectory`)
   */
  create(fs?: RecordedFs): StateMachine<Query, Answer, View> | Promise<StateMachine<Query, Answer, View>>;
  readonly needsDirectory?: boolean;
  /**
   * Commands in an order that makes sense, at least four; the kit gives them in this order, in batches of its choice. The more kinds of commands and of
   * outcomes are among them, the more is tested.
   */
  readonly commands: readonly Uint8Array[];
  /** Queries whose answers together show the state. Answers are plain data, or promises of it: they are copied and compared. */
  readonly queries: readonly Query[];
}

/** One rule, to be run as a test of its own. */
export interface ContractCase {
  /** Stable: K1, K2, … */
  readonly rule: string;
  readonly name: string;
  /** @throws ContractError when the machine breaks the rule, and what the machine throws */
  readonly run: () => Promise<void>;
}

/** A state machine broke a rule of the contract. */
export class ContractError extends HoldfastError {
  readonly rule: string;

  constructor(rule: string, what: string, fields: ErrorFields = {}, cause?: unknown) {
    super('MACHINE_CONTRACT', `${rule}: ${what}.`, { fields: { rule, ...fields }, cause });
    this.rule = rule;
  }
}
