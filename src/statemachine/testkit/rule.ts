/** testkit/rule: one rule of the contract, for the kinds that it binds. */
import type { Subject } from './subject.ts';

export interface Rule {
  readonly rule: string;
  readonly name: string;
  /** All kinds by default. */
  readonly kinds?: readonly Subject['kind'][];
  readonly run: <Query, Answer, View>(subject: Subject<Query, Answer, View>) => Promise<void>;
}
