/** One earlier moment of the picture, read from the server: the live picture goes on beside it, untouched. */
import { isAbort } from '../../api/client';
import { evacuation, items } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import { clock } from '../../state/clock.svelte';
import type { Incident, InsideBoard, RoadClosure, Shelter, Unit, Zone } from '../../api/types';

/** While the line of time is being dragged nothing is asked. */
const SETTLE_MS = 150;
const CLOCK_OFF_MS = 1_500;

/** What stood at one moment. */
export interface Picture {
  at_ms: number;
  isAsKnown: boolean;
  incidents: readonly Incident[];
  units: readonly Unit[];
  zones: readonly Zone[];
  shelters: readonly Shelter[];
  closures: readonly RoadClosure[];
  board: InsideBoard;
}

class Moment {
  /** The picture that is shown; the one before stays while the next is being read. */
  picture = $state.raw<Picture | null>(null);
  problem = $state.raw<Problem | null>(null);
  isLoading = $state(false);
  #asking: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Shows a moment, Unix milliseconds: as it was known then, or as it is known now to have been. Resolves when it is
   * shown, or another one was asked for.
   */
  show(at_ms: number, isAsKnown: boolean): Promise<void> {
    this.stop();
    const asking = new AbortController();
    this.#asking = asking;
    this.isLoading = true;
    return new Promise((resolve) => {
      asking.signal.addEventListener('abort', () => resolve());
      this.#timer = setTimeout(() => void this.#read(at_ms, isAsKnown, asking).finally(resolve), SETTLE_MS);
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  async #read(at_ms: number, isAsKnown: boolean, asking: AbortController): Promise<void> {
    const at = new Date(at_ms).toISOString();
    // One moment of knowing for all of them, a little back: the server's clock may be that much behind.
    const known = new Date(clock.read_ms() - CLOCK_OFF_MS).toISOString();
    const asked = isAsKnown ? { as_known_at: at } : { at, as_known_at: known > at ? known : at };
    const { signal } = asking;
    try {
      const [incidents, units, zones, shelters, closures, board] = await Promise.all([
        items<Incident>('incidents', asked, signal),
        items<Unit>('units', asked, signal),
        items<Zone>('risk_zones', asked, signal),
        items<Shelter>('shelters', asked, signal),
        items<RoadClosure>('road_closures', asked, signal),
        evacuation.inside(signal, asked),
      ]);
      if (signal.aborted) return;
      this.picture = {
        at_ms,
        isAsKnown,
        incidents: incidents.features,
        units: units.features,
        zones: zones.features,
        shelters: shelters.features,
        closures: closures.features,
        board,
      };
      this.problem = null;
      this.isLoading = false;
    } catch (thrown) {
      if (isAbort(thrown)) return;
      this.problem = Problem.from(thrown);
      this.isLoading = false;
    }
  }
}

export const past = new Moment();
