/** Which verbs an incident allows in each state: the states that may follow (domain rule), as things to press. */
import type { IncidentState } from '../../api/types';

export type Verb =
  | 'verify'
  | 'reject'
  | 'monitor'
  | 'start'
  | 'contain'
  | 'update'
  | 'handover'
  | 'close'
  | 'reopen'
  | 'merge'
  | 'unmerge';

/** Assigning a unit (to `dispatched`) stands with the units, releasing the last one leads back to `verified`. */
const BY_STATE: Record<IncidentState, readonly Verb[]> = {
  reported: ['verify', 'monitor', 'reject', 'merge'],
  verified: ['monitor', 'close', 'merge'],
  dispatched: ['start', 'merge'],
  in_progress: ['contain', 'handover', 'close', 'merge'],
  monitoring: ['close', 'merge'],
  contained: ['start', 'handover', 'close', 'merge'],
  handed_over: ['close'],
  closed: ['reopen'],
  rejected: ['reopen'],
  merged: ['unmerge'],
};

export function allowedVerbs(state: IncidentState): readonly Verb[] {
  return BY_STATE[state] ?? [];
}

/** States in which a unit may be assigned. */
const ASSIGNABLE: ReadonlySet<IncidentState> = new Set([
  'reported',
  'verified',
  'dispatched',
  'in_progress',
  'monitoring',
  'contained',
]);

export const mayAssign = (state: IncidentState): boolean => ASSIGNABLE.has(state);

/** Verbs that need more than a press. */
const WITH_FORM: ReadonlySet<Verb> = new Set(['reject', 'handover', 'close', 'reopen', 'merge', 'update']);

export const needsForm = (verb: Verb): boolean => WITH_FORM.has(verb);
