/** The zones of the page: those that live in the picture, and those that ended, which the server lists on demand. */
import { items } from '../../api/endpoints';
import type { Zone } from '../../api/types';
import { picture } from '../../state/picture.svelte';

/** Ended zones are read again after a change, but not for each of many. */
const SETTLE_MS = 800;
const ENDED_MAX = 200;

class Zones {
  #ended = $state.raw<readonly Zone[]>([]);
  all = $derived.by<Zone[]>(() => {
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
