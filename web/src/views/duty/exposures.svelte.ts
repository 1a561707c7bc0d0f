/** How many people are inside each zone in force, counted by the server and said with the time of counting. */
import { untrack } from 'svelte';
import { exposure } from '../../api/endpoints';
import type { Exposure, Zone } from '../../api/types';
import { isInForce } from '../../parts/zone';
import { clock } from '../../state/clock.svelte';
import { picture } from '../../state/picture.svelte';

const RECOUNT_MS = 60_000;
/** A batch of changed households is counted once. */
const SETTLE_MS = 2_000;

class Exposures {
  counts = $state.raw<ReadonlyMap<string, Exposure>>(new Map());
  failed = $state.raw<ReadonlySet<string>>(new Set());
  zones = $derived<Zone[]>(
    picture.zones.list
      .filter((zone) => isInForce(zone, clock.now_ms))
      .sort((a, b) => (b.properties.level ?? 0) - (a.properties.level ?? 0)),
  );
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isCounting = false;

  /** Keeps counting for as long as the component lives that calls it while it is made. */
  follow(): void {
    $effect(() => this.#start());
    // A zone that comes into force, or changes, is counted at once; the text keeps the clock from counting each second.
    const inForce = $derived(this.zones.map((zone) => `${zone.id} ${zone.properties.version}`).join());
    $effect(() => {
      void inForce;
      untrack(() => void this.#count());
    });
  }

  #start(): () => void {
    const stop = picture.onChange((collection) => {
      if (collection === 'households' || collection === 'risk_zones') this.#soon(SETTLE_MS);
    });
    this.#soon(0);
    const again = setInterval(() => this.#soon(0), RECOUNT_MS);
    return () => {
      stop();
      clearInterval(again);
      clearTimeout(this.#timer);
    };
  }

  #soon(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#count(), ms);
  }

  /** Counts all zones, one after the other. */
  async #count(): Promise<void> {
    if (this.#isCounting) return;
    this.#isCounting = true;
    for (const zone of this.zones) {
      try {
        const counted = await exposure({ zone_id: zone.id });
        this.counts = new Map(this.counts).set(zone.id, counted);
        this.failed = new Set([...this.failed].filter((id) => id !== zone.id));
      } catch {
        this.failed = new Set(this.failed).add(zone.id);
      }
    }
    this.#isCounting = false;
  }
}

export const exposures = new Exposures();
