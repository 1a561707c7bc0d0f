/** Which reports of a disaster are due: read once a minute for whoever answers for some, and at once after one was sent. */
import { disasters as requests } from '../api/endpoints';
import type { DisastersDue } from '../api/types';
import { mineOf } from '../views/disaster/disaster';

const PAUSE_MS = 60_000;

class Disasters {
  due = $state.raw<DisastersDue | null>(null);
  /** What whoever is signed in has to send, the earliest first. */
  mine = $derived(mineOf(this.due));
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Follows it; the answer stops. */
  start(): () => void {
    void this.read();
    this.#timer ??= setInterval(() => void this.read(), PAUSE_MS);
    return () => {
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  async read(): Promise<void> {
    try {
      this.due = await requests.due();
    } catch {
      // What was known stays: a deadline does not go away with the line. The next minute reads again.
    }
  }
}

export const disasters = new Disasters();
