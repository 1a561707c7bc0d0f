/** Areas of concern and plans of events as far as whoever looks may see them; kept fresh while the page is open. */
import { items } from '../../api/endpoints';
import type { AreaOfConcern, CollectionName, Feature } from '../../api/types';
import { picture } from '../../state/picture.svelte';
import type { EventPlan } from '../work/work';

const SETTLE_MS = 400;

class Listed<F extends Feature<object>> {
  list = $state.raw<readonly F[]>([]);
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #collection: CollectionName;

  constructor(collection: CollectionName) {
    this.#collection = collection;
  }

  /** Until the answer is called. */
  start(): () => void {
    void this.read();
    const stop = picture.onChange((collection) => {
      if (collection !== this.#collection) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.read(), SETTLE_MS);
    });
    return () => {
      stop();
      clearTimeout(this.#timer);
    };
  }

  async read(): Promise<void> {
    try {
      this.list = (await items<F>(this.#collection)).features;
    } catch {
      // The old list stays; the link's state is said in the bar.
    }
  }
}

export const concerns = new Listed<AreaOfConcern>('areas_of_concern');
export const eventPlans = new Listed<EventPlan>('event_plans');
