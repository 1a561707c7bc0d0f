/** Who is on duty in the room of whoever looks, and whether the handover is due. */
import { items } from '../api/endpoints';
import type { Alarm, Incident, Shift } from '../api/types';
import { clock } from './clock.svelte';
import { picture } from './picture.svelte';
import { session } from './session.svelte';

class Shifts {
  /** The shift that stands; `null` where nobody is on duty, or it is not known yet. */
  current = $state.raw<Shift | null>(null);
  isKnown = $state(false);
  /** From 06:45 and 18:45 on, until somebody took over. */
  isDue = $derived(
    this.current !== null && clock.now_ms >= Date.parse(this.current.properties.hint_at ?? ''),
  );
  isMine = $derived(this.current !== null && this.current.properties.officer === session.actor?.name);

  /** Follows it; the answer stops. */
  start(): () => void {
    void this.#read();
    return picture.onChange((collection) => {
      if (collection === 'shifts') void this.#read();
    });
  }

  async #read(): Promise<void> {
    try {
      const { features } = await items<Shift>('shifts', { limit: 10 });
      this.current = features[0] ?? null;
      this.isKnown = true;
    } catch {
      // The bar says nothing rather than something wrong; the next change reads again.
      this.isKnown = false;
    }
  }
}

export const shifts = new Shifts();

type Passed = { post: string; from: string; to: string; at: string };

/** How a record passed to somebody, or from them, at the last handover of a room. */
function passedOf({ properties }: Alarm | Incident): Passed[] {
  return (properties.passed ?? []) as Passed[];
}

/** How it passed to whoever is signed in, where nobody had taken it. */
export function passedToMe(record: Alarm | Incident): Passed | undefined {
  return passedOf(record).find(({ to }) => to === session.actor?.name);
}

/** Whether whoever is signed in handed it to somebody else: it calls that one now. */
export function passedOn(record: Alarm | Incident): boolean {
  const me = session.actor?.name;
  return passedOf(record).some(({ from, to }) => from === me && to !== me);
}
