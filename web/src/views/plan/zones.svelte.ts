/**
 * The zones of the page: those that live in the picture, and those that ended, which the server lists on demand; or all
 * of them as they were known at an earlier moment.
 */
import { items } from '../../api/endpoints';
import type { Zone } from '../../api/types';
import { picture } from '../../state/picture.svelte';
import { toasts } from '../../state/toasts.svelte';

/** Ended zones are read again after a change, but not for each of many. */
const SETTLE_MS = 800;
const ENDED_MAX = 200;
/** While the line of time is being dragged nothing is asked. */
const KNOWN_SETTLE_MS = 250;

class Zones {
  #known = $state.raw<readonly Zone[] | null>(null);
  #known_ms: number | null = null;
  #knownTimer: ReturnType<typeof setTimeout> | undefined;
  #ended = $state.raw<readonly Zone[]>([]);
  /** Whether they are shown as they were known at an earlier moment. */
  isAsKnown = $derived(this.#known !== null);
  all = $derived.by<readonly Zone[]>(() => {
    if (this.#known) return this.#known;
    const live = picture.zones.list;
    const ids = new Set(live.map(({ id }) => id));
    return [...live, ...this.#ended.filter(({ id }) => !ids.has(id))];
  });
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Keeps the ended ones fresh until the answer is called. */
  start(): () => void {
    this.#soon(0);
    const stop = picture.onChange((collection) => {
      if (collection === 'risk_zones') this.#soon(SETTLE_MS);
    });
    return () => {
      stop();
      clearTimeout(this.#timer);
    };
  }

  get(id: string): Zone | undefined {
    return this.all.find((zone) => zone.id === id);
  }

  /** Shows them as they were known then, Unix milliseconds; as they are known now for `null`. */
  knownAt(ms: number | null): void {
    this.#known_ms = ms;
    clearTimeout(this.#knownTimer);
    if (ms === null) this.#known = null;
    else this.#knownTimer = setTimeout(() => void this.#readKnown(ms), KNOWN_SETTLE_MS);
  }

  async #readKnown(ms: number): Promise<void> {
    try {
      const as_known_at = new Date(ms).toISOString();
      const page = await items<Zone>('risk_zones', { ended: true, limit: ENDED_MAX, as_known_at });
      if (this.#known_ms === ms) this.#known = page.features;
    } catch (thrown) {
      toasts.problem(thrown);
    }
  }

  #soon(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), ms);
  }

  async #read(): Promise<void> {
    try {
      const page = await items<Zone>('risk_zones', { ended: true, limit: ENDED_MAX });
      this.#ended = page.features.filter(({ properties }) => properties.ended_at);
    } catch {
      // The old list stays; the link's state is said in the bar.
    }
  }
}

export const zones = new Zones();
