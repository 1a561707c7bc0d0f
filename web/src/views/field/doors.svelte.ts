/**
 * The households of the zones around, in the order to move: asked from the server, kept on the device without names.
 * They are another's the moment another signs in here, and nobody's after a day: then they are taken off the device.
 */
import { evacuation } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type { Evacuee } from '../../api/types';
import { clock } from '../../state/clock.svelte';
import { session } from '../../state/session.svelte';
import { me } from './me.svelte';
import { outbox } from './outbox.svelte';
import { drop, keep, kept } from './store';

/** Zones whose households are held: the nearest. */
const ZONES_MAX = 4;
const ASK_AGAIN_MS = 60_000;
const SETTLE_MS = 1_500;
const KEPT_MS = 24 * 3_600_000;
const NAME = 'doors';
/** Answers for a zone that is over. */
const ENDED = new Set([404, 409]);

export interface DoorsOfZone {
  id: string;
  name: string;
  households: Evacuee[];
}

interface KeptDoors {
  actor: string;
  zones: DoorsOfZone[];
}

export interface ZoneNear {
  id: string;
  name: string;
}

/** `null` for a zone that is not in force any more. */
async function ofZone({ id, name }: ZoneNear): Promise<DoorsOfZone | null> {
  try {
    const { households } = await evacuation.evacuees(id);
    return { id, name, households };
  } catch (thrown) {
    if (ENDED.has(Problem.from(thrown).status)) return null;
    throw thrown;
  }
}

class Doors {
  zones = $state.raw<readonly DoorsOfZone[]>([]);
  /** Server time of the list, Unix milliseconds. */
  at_ms = $state<number | null>(null);
  /** People who are inside by the list; what waits in the outbox is not counted yet. */
  left = $derived(
    this.zones.flatMap(({ households }) => households).reduce((sum, one) => sum + one.still_inside, 0),
  );
  #isAsking = false;
  #asked = '';
  #timer: ReturnType<typeof setTimeout> | undefined;

  async restore(): Promise<void> {
    const last = await kept<KeptDoors>(NAME);
    if (!last) return;
    const isMine = last.value.actor === session.actor?.name;
    if (!isMine || clock.read_ms() - Date.parse(last.at) > KEPT_MS) {
      await drop(NAME);
      return;
    }
    if (this.at_ms !== null) return;
    this.zones = last.value.zones;
    this.at_ms = Date.parse(last.at);
  }

  /** A household changed: asked again soon. */
  soon(zones: readonly ZoneNear[]): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(zones, true), SETTLE_MS);
  }

  async refresh(zones: readonly ZoneNear[], isForced = false): Promise<void> {
    const wanted = zones.slice(0, ZONES_MAX);
    // A new task lets one see the households around it.
    const asked = [me.task?.id ?? '', ...wanted.map(({ id }) => id)].join();
    const isYoung = this.at_ms !== null && clock.read_ms() - this.at_ms < ASK_AGAIN_MS;
    if (this.#isAsking || (!isForced && isYoung && this.#asked === asked)) return;
    this.#isAsking = true;
    try {
      const found = await Promise.all(wanted.map(ofZone));
      this.zones = found.filter((zone) => zone !== null && zone.households.length > 0) as DoorsOfZone[];
      this.at_ms = clock.read_ms();
      this.#asked = asked;
      const value: KeptDoors = { actor: session.actor?.name ?? '', zones: [...this.zones] };
      await keep(NAME, this.at_ms, value);
    } catch {
      // No link: the last known list stays, with its time.
    } finally {
      this.#isAsking = false;
    }
  }

  /** What was told of a household here and has not reached the server. */
  waiting(household_id: string): string | null {
    const found = outbox.items.findLast(
      ({ errand }) => errand.kind === 'household' && errand.household_id === household_id,
    );
    return found?.errand.kind === 'household' ? found.errand.body.state : null;
  }
}

export const doors = new Doors();
