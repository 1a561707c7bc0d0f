/** What lies around this phone: asked from the server, kept on the device, measured anew while one walks. */
import type { Position as Coordinates } from 'geojson';
import { nearby } from '../../api/endpoints';
import type { CollectionName, Feature, NearFeature, Zone } from '../../api/types';
import { boxOf, roughDistance_m } from '../../map/geo';
import { isInForce } from '../../parts/zone';
import { clock } from '../../state/clock.svelte';
import { bearing_deg } from './bearing';
import { keep, kept } from './store';

export type NearCollection = 'incidents' | 'shelters' | 'stations' | 'units' | 'risk_zones';
export const NEAR_COLLECTIONS: readonly NearCollection[] = [
  'incidents',
  'shelters',
  'stations',
  'units',
  'risk_zones',
];

export interface NearFields {
  name?: string;
  title?: string;
  kind?: string;
  state?: string;
  [field: string]: unknown;
}
/** What the server measured from here; everything that it lists as near has a place. */
export type Near = NearFeature<Feature<NearFields>> & { distance_m: number; bearing_deg: number };

/** Farther than this nobody calls it near. */
export const RADIUS_M = 30_000;
const OPEN_STATES = 'reported,verified,dispatched,in_progress,monitoring,contained';
/** Asked again after so many metres of walking, and after so long in any case. */
const ASK_AGAIN_M = 200;
const ASK_AGAIN_MS = 60_000;
/** Walked less than this, the server's distances still hold. */
const HOLDS_M = 25;

interface KeptNear {
  from: Coordinates;
  list: Near[];
}

class NearMe {
  list = $state.raw<readonly Near[]>([]);
  /** Server time of the list, Unix milliseconds. */
  at_ms = $state<number | null>(null);
  isAsking = $state(false);
  hasFailed = $state(false);
  #from: Coordinates | null = null;
  #asking: AbortController | null = null;

  /** Brings back the last list of this device until the server answers. */
  async restore(): Promise<void> {
    const last = await kept<KeptNear>('near');
    if (!last || this.at_ms !== null) return;
    this.list = last.value.list;
    this.#from = last.value.from;
    this.at_ms = Date.parse(last.at);
  }

  /** Asks if the phone has moved on or the list is old; `isForced` asks in any case. */
  async refresh(from: Coordinates, isForced = false): Promise<void> {
    const isNear = this.#from !== null && roughDistance_m(this.#from, from) < ASK_AGAIN_M;
    const isYoung = this.at_ms !== null && clock.read_ms() - this.at_ms < ASK_AGAIN_MS;
    if (!isForced && (this.#asking || (isNear && isYoung && !this.hasFailed))) return;
    this.#asking?.abort();
    const mine = (this.#asking = new AbortController());
    this.isAsking = true;
    const [lon = 0, lat = 0] = from;
    const place = { lon, lat, radius_m: RADIUS_M };
    try {
      const answers = await Promise.all([
        nearby<Feature<NearFields>>(
          { ...place, limit: 20, collections: 'incidents', state: OPEN_STATES },
          mine.signal,
        ),
        nearby<Feature<NearFields>>({ ...place, limit: 15, collections: 'shelters' }, mine.signal),
        nearby<Feature<NearFields>>({ ...place, limit: 40, collections: 'stations,units' }, mine.signal),
        nearby<Feature<NearFields>>({ ...place, limit: 15, collections: 'risk_zones' }, mine.signal),
      ]);
      const all = answers.flatMap((answer) => answer.features) as Near[];
      this.list = all.sort((a, b) => a.distance_m - b.distance_m);
      this.#from = from;
      this.at_ms = clock.read_ms();
      this.hasFailed = false;
      const value: KeptNear = { from, list: all };
      await keep('near', this.at_ms, value);
    } catch {
      if (!mine.signal.aborted) this.hasFailed = true;
    } finally {
      if (this.#asking === mine) {
        this.#asking = null;
        this.isAsking = false;
      }
    }
  }

  /** The list as it lies from here, nearest first: the server's figures, or our own after some steps. */
  from(here: Coordinates | null, now_ms: number, own_id: string | null): Near[] {
    const useful = this.list.filter(
      (near) =>
        near.id !== own_id &&
        (near.collection !== 'risk_zones' || isInForce(near as unknown as Zone, now_ms)),
    );
    if (!here || !this.#from || roughDistance_m(this.#from, here) < HOLDS_M) return useful;
    return useful.map((near) => measured(near, here)).sort((a, b) => a.distance_m - b.distance_m);
  }
}

function measured(near: Near, here: Coordinates): Near {
  const to = near.nearest ?? pointIn(near);
  if (!to) return near;
  return { ...near, distance_m: roughDistance_m(here, to), bearing_deg: bearing_deg(here, to) };
}

/** A position to walk to: the point itself, the nearest point, or the middle of the box. */
export function pointIn({ geometry, nearest }: Pick<Near, 'geometry' | 'nearest'>): Coordinates | null {
  if (geometry?.type === 'Point') return geometry.coordinates;
  if (nearest) return nearest;
  const box = boxOf(geometry);
  return box ? [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2] : null;
}

export const isNearCollection = (name: CollectionName): name is NearCollection =>
  (NEAR_COLLECTIONS as readonly string[]).includes(name);

export const nearMe = new NearMe();
