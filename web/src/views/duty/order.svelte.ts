/** The order of a list that never jumps under the pointer: while it is over the list, rows stay where they are. */

export class SteadyOrder {
  /** Set by the list while the pointer is over it. */
  isHeld = $state(false);
  #shown = $state.raw<readonly string[]>([]);
  #arrived = $state.raw<readonly string[]>([]);

  /** Ids in the order to draw. */
  get shown(): readonly string[] {
    return this.#shown;
  }

  /** Ids that wait until the pointer leaves. */
  get arrived(): readonly string[] {
    return this.#arrived;
  }

  /** Takes the order that the records ask for. */
  follow(wanted: readonly string[]): void {
    if (!this.isHeld || this.#shown.length === 0) {
      this.#shown = wanted;
      this.#arrived = [];
    } else {
      const shown = new Set(this.#shown);
      this.#arrived = wanted.filter((id) => !shown.has(id));
    }
  }
}
