/** The duty officer's deeds on the selected incident. A refused write says why and shows the present record. */
import { SvelteMap } from 'svelte/reactivity';
import { incidents } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type { Incident, Recommendation, Unit } from '../../api/types';
import { t } from '../../i18n';
import { picture } from '../../state/picture.svelte';
import { selection } from '../../state/selection.svelte';
import { toasts } from '../../state/toasts.svelte';
import { isAbort } from '../../api/client';
import { mayAssign, needsForm, type Verb } from './actions';
import { passedBy } from './orders.svelte';
import { Step } from './step.svelte';

const UNITS_SHOWN = 6;

class Desk {
  /** True while a write is on its way: a second press of the same key does nothing. */
  isBusy = $state(false);
  /** True after S: each action shows its digit. */
  isChoosing = $state(false);
  recommendation = $state.raw<Recommendation | null>(null);
  recommendationProblem = $state.raw<Problem | null>(null);
  /** Steps being written, by incident: looking at another one meanwhile loses none. */
  #steps = new SvelteMap<string, Step>();
  #asking: AbortController | null = null;

  get incident(): Incident | undefined {
    const current = selection.current;
    return current?.collection === 'incidents' ? picture.incidents.get(current.id) : undefined;
  }

  /** Reads who is nearest; the old answer of the same incident stays in view meanwhile. */
  async recommend(id: string): Promise<void> {
    this.#asking?.abort();
    const mine = (this.#asking = new AbortController());
    if (this.recommendation?.incident_id !== id) this.recommendation = null;
    try {
      this.recommendation = await incidents.recommendation(id, UNITS_SHOWN, mine.signal);
      this.recommendationProblem = null;
    } catch (thrown) {
      if (!isAbort(thrown)) this.recommendationProblem = Problem.from(thrown);
    }
  }

  stepOf(incident: Incident): Step | undefined {
    return this.#steps.get(incident.id);
  }

  /** Opens the form of a step, with what was written before. */
  write(incident: Incident, verb: Verb): void {
    const step = this.#steps.get(incident.id) ?? new Step(incident);
    step.verb = verb;
    this.#steps.set(incident.id, step);
  }

  forget(incident: Incident): void {
    this.#steps.delete(incident.id);
  }

  async act(incident: Incident, verb: Verb | 'acknowledge', body: object, done: string): Promise<boolean> {
    return this.#write(async () => {
      const { version } = incident.properties;
      const answer = await incidents.verb(incident.id, verb, body, { version });
      picture.take('incidents', answer.data);
      if (verb !== 'acknowledge' && needsForm(verb)) this.forget(incident);
      toasts.say(t().duty.actions.done(done));
    });
  }

  async acknowledge(incident: Incident): Promise<boolean> {
    return this.act(incident, 'acknowledge', {}, t().duty.detail.acknowledge);
  }

  async assign(incident: Incident, unit: Unit): Promise<boolean> {
    if (!mayAssign(incident.properties.state)) return false;
    return this.#write(async () => {
      const { version } = incident.properties;
      const { data } = await incidents.assign(
        incident.id,
        { unit_id: unit.id, ...this.#followed(incident) },
        { version },
      );
      picture.take('incidents', data.incident);
      picture.take('units', data.unit);
      if (data.assignment) picture.take('assignments', data.assignment);
      const words = t().duty.nearest;
      const { name } = data.unit.properties;
      if (data.assignment?.properties.state === 'requested') toasts.say(t().duty.orders.requestedNow(name));
      else toasts.say(data.queued ? words.queuedNow(name) : words.assignedNow(name));
      await this.recommend(incident.id);
    });
  }

  /** The advice that is on the screen for this incident: it is kept with the order. */
  #followed(incident: Incident): { advice_id?: string } {
    const shown = this.recommendation;
    return shown?.incident_id === incident.id ? { advice_id: shown.advice_id } : {};
  }

  async release(incident: Incident, unit: Unit): Promise<boolean> {
    return this.#write(async () => {
      const { version } = incident.properties;
      const { data } = await incidents.release(incident.id, unit.id, { version });
      picture.take('incidents', data.incident);
      picture.take('units', data.unit);
      if (data.assignment) picture.take('assignments', data.assignment);
      toasts.say(t().duty.assigned.released(unit.properties.name));
      await this.recommend(incident.id);
    });
  }

  /** The first of the units as they are ranked now, without those that did not take this incident or were asked. */
  best(incident: Incident): Unit | null {
    if (this.recommendation?.incident_id !== incident.id) return null;
    const passed = passedBy(incident.id);
    const asked = incident.properties.requested_unit_ids ?? [];
    const isFree = ({ unit }: { unit: Unit }) => !passed.has(unit.id) && !asked.includes(unit.id);
    return this.recommendation.candidates.find(isFree)?.unit ?? null;
  }

  /** Assigns the best one, or asks its force for it. */
  async assignBest(): Promise<void> {
    const incident = this.incident;
    const best = incident && this.best(incident);
    if (incident && best) await this.assign(incident, best);
  }

  async #write(work: () => Promise<void>): Promise<boolean> {
    if (this.isBusy) return false;
    this.isBusy = true;
    try {
      await work();
      return true;
    } catch (thrown) {
      const problem = Problem.from(thrown);
      const present = problem.extra.present as Incident | undefined;
      if (problem.code === 'version_conflict' && present) {
        picture.take('incidents', present);
        toasts.say(t().duty.actions.conflict);
      } else {
        toasts.problem(problem);
      }
      return false;
    } finally {
      this.isBusy = false;
    }
  }
}

export const desk = new Desk();
