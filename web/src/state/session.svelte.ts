/** Who is signed in, and whether the data are invented. */
import { session as requests } from '../api/endpoints';
import { Problem } from '../api/problem';
import type { Actor, ProviderReturn, SessionAnswer } from '../api/types';
import { t } from '../i18n';
import { clock } from './clock.svelte';
import { link } from './link.svelte';
import { settings } from './settings.svelte';

const CHANNEL = 'trucban-session';

class Session {
  answer = $state<SessionAnswer | null>(null);
  problem = $state<Problem | null>(null);
  actor = $derived<Actor | null>(this.answer?.actor ?? null);
  isDemo = $derived(this.answer?.demo ?? false);
  /** The exercise in whose room this page is: nothing on it is real. */
  exercise = $derived(this.answer?.exercise ?? null);
  /** Exercises that run beside the real work. */
  exercises = $derived(this.answer?.exercises ?? []);
  /** What the tab of a page is called by: an exercise is never taken for the real thing. */
  app = $derived(this.exercise ? t().exercises.mark(this.exercise.code) : t().app);
  label = $derived.by(() => {
    const actor = this.answer?.actor;
    return actor ? (settings.language === 'vi' ? actor.label_vi : actor.label_en) : '';
  });
  /** Who takes tips in, handles them or is the second person who agrees that one is opened. */
  hasTips = $derived(this.may('take_tip', 'handle_tips', 'confirm_unsealing'));
  #channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(CHANNEL);

  constructor() {
    // The cookie is one for all tabs: when another tab changes the actor, this page must not go on as the old one.
    if (this.#channel) this.#channel.onmessage = () => location.reload();
  }

  /** Whether whoever is signed in may do one of these. */
  may(...deeds: Actor['may']): boolean {
    return deeds.some((deed) => this.actor?.may.includes(deed));
  }

  async load(): Promise<void> {
    try {
      this.#take(await requests.read());
      this.problem = null;
    } catch (thrown) {
      this.problem = Problem.from(thrown);
    }
  }

  async signIn(name: string, password: string): Promise<void> {
    this.#take((await requests.signIn(name, password)).data);
    this.#channel?.postMessage('changed');
  }

  /** Ends the sign-in that the provider sent the browser back from. */
  async endAtProvider(given: ProviderReturn): Promise<void> {
    this.#take((await requests.endAtProvider(given)).data);
    this.#channel?.postMessage('changed');
  }

  /** Becomes a demo actor. */
  async enter(name: string): Promise<void> {
    this.#take((await requests.enter(name)).data);
    this.#channel?.postMessage('changed');
  }

  async leave(): Promise<void> {
    const { data } = await requests.leave();
    this.ended(data.sign_out_url ?? '/');
  }

  /** The session is over: nothing of what it showed stays in the page. `next` may be the provider's sign-out. */
  ended(next = '/'): void {
    this.#channel?.postMessage('changed');
    location.assign(next);
  }

  #take(answer: SessionAnswer): void {
    this.answer = answer;
    clock.set(answer.server_time);
    link.stale = answer.stale;
  }
}

export const session = new Session();
