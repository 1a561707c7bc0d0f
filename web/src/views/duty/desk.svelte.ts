/** The duty officer's deeds on the selected incident. A refused write says why and shows the present record. */
import { incidents } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type { Incident, Recommendation, Unit } from '../../api/types';
import { t } from '../../i18n';
import { picture } from '../../state/picture.svelte';
import { selection } from '../../state/selection.svelte';
import { toasts } from '../../state/toasts.svelte';
import { isAbort } from '../../api/client';
import { mayAssign, type Verb } from './actions';

const UNITS_SHOWN = 6;

class Desk {
  /** True while a write is on its way: a second press of the same key does nothing. */
  isBusy = $state(false);
  /** Which verb's form is open. */
  form = $state<Verb | null>(null);
  /** True after S: each action shows its digit. */
  isChoosing = $state(false);
  recommendation = $state.raw<Recommendation | null>(null);
  recommendationProblem = $state.raw<Problem | null>(null);
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

  async act(incident: Incident, verb: string, body: object, done: string): Promise<boolean> {
    return this.#write(async () => {
      const { version } = incident.properties;
      const answer = await incidents.verb(incident.id, verb, body, { version });
      picture.take('incidents', answer.data);
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
      const { data } = await incidents.assign(incident.id, unit.id, { version });
      picture.take('incidents', data.incident);
      picture.take('units', data.unit);
      const words = t().duty.nearest;
      const { name } = data.unit.properties;
      toasts.say(data.queued ? words.queuedNow(name) : words.assignedNow(name));
      await this.recommend(incident.id);
    });
  }

  async release(incident: Incident, unit: Unit): Promise<boolean> {
    return this.#write(async () => {
      const { version } = incident.properties;
      const { data } = await incidents.release(incident.id, unit.id, { version });
      picture.take('incidents', data.incident);
      picture.take('units', data.unit);
      toasts.say(t().duty.assigned.released(unit.properties.name));
      await this.recommend(incident.id);
    });
  }

  /** Assigns the first of the units as they are ranked now. */
  async assignBest(): Promise<void> {
    const incident = this.incident;
    const best = this.recommendation?.candidates[0];
    if (!incident || !best || this.recommendation?.incident_id !== incident.id) return;
    await this.assign(incident, best.unit);
  }

  async #write(work: () => Promise<void>): Promise<boolean> {
    if (this.isBusy) return false;
    this.isBusy = true;
    try {
      await work();
      this.form = null;
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
