/** Areas of concern as far as whoever looks may see them; kept fresh while the page is open. */
import { items } from '../../api/endpoints';
import type { AreaOfConcern } from '../../api/types';
import { picture } from '../../state/picture.svelte';

const SETTLE_MS = 400;

class Concerns {
  list = $state.raw<readonly AreaOfConcern[]>([]);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Until the answer is called. */
  start(): () => void {
    void this.read();
    const stop = picture.onChange((collection) => {
      if (collection !== 'areas_of_concern') return;
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
      this.list = (await items<AreaOfConcern>('areas_of_concern')).features;
    } catch {
      // The old list stays; the link's state is said in the bar.
    }
  }
}

export const concerns = new Concerns();
