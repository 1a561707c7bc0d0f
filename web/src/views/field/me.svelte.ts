/** Which unit this phone speaks for: the account's own, or the one that was chosen on this device. */
import { keptAs } from '../../room';
import { item } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type { Assignment, Incident, Unit } from '../../api/types';
import { clock } from '../../state/clock.svelte';
import { picture } from '../../state/picture.svelte';
import { session } from '../../state/session.svelte';
import { outbox } from './outbox.svelte';
import { STATUS_OF } from './steps';
import { keep, kept } from './store';

const CHOSEN = keptAs('trucban.field.unit');

function remembered(): string | null {
  try {
    return localStorage.getItem(CHOSEN);
  } catch {
    return null;
  }
}

class Me {
  #chosen = $state<string | null>(remembered());
  #keptUnit = $state.raw<Unit | null>(null);
  #keptTask = $state.raw<Incident | null>(null);
  #keptOrder = $state.raw<Assignment | null>(null);

  unit_id = $derived(session.actor?.unit_id ?? this.#chosen);
  /** True when the account does not say the unit: it may be chosen again. */
  mayChoose = $derived(session.actor !== null && session.actor.unit_id === null);
  unit = $derived<Unit | null>(
    picture.units.get(this.unit_id) ?? (this.#keptUnit?.id === this.unit_id ? this.#keptUnit : null),
  );
  task = $derived.by<Incident | null>(() => {
    const id = this.unit?.properties.incident_id;
    if (!id) return null;
    return picture.incidents.get(id) ?? (this.#keptTask?.id === id ? this.#keptTask : null);
  });
  /** The order behind the task; none for a task that was given before there were orders. */
  order = $derived.by<Assignment | null>(() => {
    const is = ({ properties }: Assignment) =>
      properties.unit_id === this.unit_id && properties.incident_id === this.task?.id;
    return (
      picture.assignments.list.find(is) ?? (this.#keptOrder && is(this.#keptOrder) ? this.#keptOrder : null)
    );
  });
  /** The newest step of the order that this phone said and the server has not taken yet. */
  saidStep = $derived.by(() => {
    const waiting = outbox.items.findLast(
      ({ errand, state }) =>
        errand.kind === 'step' && errand.assignment_id === this.order?.id && state !== 'refused',
    );
    return waiting?.errand.kind === 'step' ? waiting.errand.body.step : null;
  });
  /** The newest status that this phone said, by itself or by a step, and the server has not taken yet. */
  said = $derived.by(() => {
    const waiting = outbox.items.findLast(
      ({ errand, state }) =>
        state !== 'refused' &&
        ((errand.kind === 'status' && errand.unit_id === this.unit_id) ||
          (errand.kind === 'step' && errand.unit_id === this.unit_id && STATUS_OF[errand.body.step])),
    );
    if (waiting?.errand.kind === 'step') return STATUS_OF[waiting.errand.body.step] ?? null;
    return waiting?.errand.kind === 'status' ? waiting.errand.body.status : null;
  });

  choose(id: string | null): void {
    this.#chosen = id;
    try {
      if (id) localStorage.setItem(CHOSEN, id);
      else localStorage.removeItem(CHOSEN);
    } catch {
      // The choice then holds until the page is closed.
    }
  }

  /** Brings back what was known of the unit before a reload. */
  async restore(): Promise<void> {
    this.#keptUnit = (await kept<Unit>('unit'))?.value ?? null;
    this.#keptTask = (await kept<Incident>('task'))?.value ?? null;
    this.#keptOrder = (await kept<Assignment>('order'))?.value ?? null;
  }

  /** Keeps unit and task on the device whenever they change. */
  remember(): void {
    if (this.unit) void keep('unit', clock.read_ms(), $state.snapshot(this.unit));
    if (this.task) void keep('task', clock.read_ms(), $state.snapshot(this.task));
    if (this.order) void keep('order', clock.read_ms(), $state.snapshot(this.order));
  }

  /** Reads a task that the live picture does not hold (closed meanwhile, or outside the list). */
  async fetchTask(id: string): Promise<void> {
    try {
      this.#keptTask = await item<Incident>('incidents', id);
    } catch (thrown) {
      if (Problem.from(thrown).status === 404) this.#keptTask = null;
    }
  }
}

export const me = new Me();
