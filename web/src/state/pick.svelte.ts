/** Taking a place from the map for a form. The form keeps the focus; the map only answers with a position. */

export interface Picked {
  lon: number;
  lat: number;
  /** How far off the click may be at this zoom, metres. */
  accuracy_m: number;
}

class Pick {
  /** Who waits for a position (id of a draft); `null` when nobody does. */
  owner = $state<string | null>(null);
  #take: ((picked: Picked) => void) | null = null;

  /** The next click on the map goes to `take`. */
  start(owner: string, take: (picked: Picked) => void): void {
    this.owner = owner;
    this.#take = take;
  }

  /** Called by the map; true if somebody waited for the position. */
  answer(picked: Picked): boolean {
    const take = this.#take;
    this.stop();
    take?.(picked);
    return take !== null;
  }

  stop(): void {
    this.owner = null;
    this.#take = null;
  }
}

export const pick = new Pick();
