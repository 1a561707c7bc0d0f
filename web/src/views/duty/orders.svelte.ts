/** What the desk writes down of orders: steps it heard of, its own decisions and those it was told, alarms it takes. */
import { alarms as alarmCalls, assignments } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type { Alarm, Assignment, AssignmentState, Told, UnitStep } from '../../api/types';
import { uuidV7 } from '../../api/uuid';
import { t } from '../../i18n';
import { picture } from '../../state/picture.svelte';
import { session } from '../../state/session.svelte';
import { toasts } from '../../state/toasts.svelte';

export type Decision = 'dispatch' | 'agree' | 'refuse' | 'cancel';
export type Deed = UnitStep | Decision | 'safe';

/** In the order in which they want somebody's eye. */
export const STATES: readonly AssignmentState[] = [
  'requested',
  'proposed',
  'dispatched',
  'queued',
  'acknowledged',
  'en_route',
  'on_scene',
];

const STEPS: Partial<Record<AssignmentState, readonly UnitStep[]>> = {
  queued: ['decline'],
  dispatched: ['acknowledge', 'en_route', 'decline'],
  acknowledged: ['en_route', 'on_scene', 'decline'],
  en_route: ['on_scene', 'decline'],
  on_scene: ['clear'],
};

/** What is heard from the unit in this state, and whether a sign of life is among it. */
export function stepsIn(order: Assignment): readonly Deed[] {
  const { state } = order.properties;
  const isOut = state === 'acknowledged' || state === 'en_route' || state === 'on_scene';
  return [...(STEPS[state] ?? []), ...(isOut ? (['safe'] as const) : [])];
}

/** Whether this officer's force has the unit, so that a request is theirs to answer. */
export const isOurs = (order: Assignment): boolean =>
  session.actor?.force != null && session.actor.force === order.properties.unit_force;

/** Whether this officer's force ordered it or asked for it; the joint duty room did all. */
export const isByUs = (order: Assignment): boolean =>
  session.actor?.force == null || session.actor.force === order.properties.by_force;

/** Whether this officer may write down what the unit says. */
export const mayHear = (order: Assignment): boolean => isOurs(order) || isByUs(order);

/** When something should have happened, Unix milliseconds; what it is by the state. */
export function due_ms(order: Assignment): number | null {
  const { state, ack_due_at, request_due_at, accountability_due_at, no_coverage_until } = order.properties;
  const at =
    state === 'dispatched' ? ack_due_at : state === 'requested' ? request_due_at : accountability_due_at;
  if (!at) return null;
  return Math.max(
    Date.parse(at),
    state === 'requested' || !no_coverage_until ? 0 : Date.parse(no_coverage_until),
  );
}

/** Contact is lost: nothing more is due, and a person decides. */
export const isLost = (order: Assignment): boolean =>
  (order.properties.accountability_missed ?? 0) >= 2 && !order.properties.accountability_due_at;

/** Units that did not take this incident and were not ordered again since, by what the log of the day says. */
export function passedBy(incident_id: string): Set<string> {
  const passed = new Map<string, boolean>();
  const entries = picture.log.list
    .filter(({ properties }) => properties.incident_id === incident_id && properties.unit_id)
    .toSorted((a, b) => a.properties.recorded_at.localeCompare(b.properties.recorded_at));
  for (const { properties } of entries) {
    const unit = properties.unit_id ?? '';
    if (properties.kind === 'declined' || properties.kind === 'timed_out') passed.set(unit, true);
    if (properties.kind === 'assigned' || properties.kind === 'requested') passed.set(unit, false);
  }
  return new Set([...passed].filter(([, did]) => did).map(([unit]) => unit));
}

class Orders {
  isBusy = $state(false);
  /** Kept while nobody knows whether the last attempt arrived. */
  #key = uuidV7();

  /** Writes one down; false if it was not taken. */
  async act(order: Assignment, deed: Deed, told: Told, words: string): Promise<boolean> {
    const name = picture.units.get(order.properties.unit_id)?.properties.name ?? '';
    return this.#write(async () => {
      const { data } = await this.#call(order.id, deed, told);
      picture.take('assignments', data);
      toasts.say(t().duty.orders.saved(name, words));
    });
  }

  async take(alarm: Alarm): Promise<boolean> {
    return this.#write(async () => {
      const { data } = await alarmCalls.acknowledge(alarm.id, { key: this.#key });
      picture.take('alarms', data);
    });
  }

  #call(id: string, deed: Deed, told: Told) {
    const options = { key: this.#key };
    const { reason, ...heard } = told;
    if (deed === 'safe') return assignments.heard(id, heard, options);
    if (deed === 'dispatch' || deed === 'agree' || deed === 'refuse' || deed === 'cancel') {
      return assignments.decide(id, { decision: deed, ...heard, ...(reason ? { reason } : {}) }, options);
    }
    return assignments.step(id, { step: deed, ...heard, ...(reason ? { reason } : {}) }, options);
  }

  async #write(work: () => Promise<void>): Promise<boolean> {
    if (this.isBusy) return false;
    this.isBusy = true;
    try {
      await work();
      this.#key = uuidV7();
      return true;
    } catch (thrown) {
      const problem = Problem.from(thrown);
      if (!problem.isUnknownOutcome) this.#key = uuidV7();
      toasts.problem(problem);
      return false;
    } finally {
      this.isBusy = false;
    }
  }
}

export const orders = new Orders();
