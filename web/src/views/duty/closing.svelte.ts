/**
 * A closure being written. Before it is recorded its place is tried: the server says who would be cut off, and nobody
 * else sees anything of it.
 */
import type { Geometry, Position } from 'geojson';
import { isAbort } from '../../api/client';
import { create, locate, remove, roads } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type {
  ClosureReason,
  CutOff,
  Geometry as Sent,
  Incident,
  Profile,
  RoadClosure,
} from '../../api/types';
import { uuidV7 } from '../../api/uuid';
import { t } from '../../i18n';
import { roughDistance_m } from '../../map/geo';
import { pick } from '../../state/pick.svelte';
import { picture } from '../../state/picture.svelte';
import { toasts } from '../../state/toasts.svelte';
import { pair, ways } from '../../state/ways.svelte';
import { fromLocal } from '../../parts/times';
import { postOf } from '../../parts/closuretimes';
import { kilometrePost } from '../../parts/incident';

export type Where = 'point' | 'line' | 'post' | 'incident';

const PICKER = 'closure';
/** Typing pauses this long before a place is tried. */
const PAUSE_MS = 350;
/** A way between two points that is so much longer than the straight line goes around something. */
const DETOUR_MAX = 2.5;
const DETOUR_SLACK_M = 300;
const WHEELS: readonly Profile[] = ['car', 'motorbike', 'truck'];
/** What an incident says of why its road is cut. */
const REASON_OF: Record<string, ClosureReason> = {
  landslide: 'landslide',
  flash_flood: 'flood',
  flood: 'flood',
  subsidence: 'subsidence',
  rockfall: 'rockfall',
  bridge_damage: 'bridge_damage',
  accident: 'accident',
};

class Closing {
  isOpen = $state(false);
  where = $state<Where>('point');
  points = $state.raw<readonly Position[]>([]);
  incident = $state.raw<Incident | null>(null);
  road_ref = $state('');
  from = $state('');
  to = $state('');
  reason = $state<ClosureReason>('landslide');
  profiles = $state<Profile[]>([...WHEELS]);
  isSlow = $state(false);
  /** Speed that is left, percent. */
  percent = $state(50);
  until = $state('');
  isBusy = $state(false);
  isTrying = $state(false);
  answer = $state.raw<CutOff | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** What the last write was refused for. */
  refused = $state.raw<Problem | null>(null);
  #key = uuidV7();
  #trying: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #line: Sent | null = null;

  /** Posts as typed, kilometres; `null` where they cannot be read. */
  posts = $derived.by<[from: number, to: number] | null>(() => {
    const from = postOf(this.from);
    const to = this.to.trim() === '' ? from : postOf(this.to);
    return from === null || to === null ? null : [from, to];
  });
  hasPlace = $derived.by(() => {
    switch (this.where) {
      case 'point':
        return this.points.length === 1;
      case 'line':
        return this.points.length === 2;
      case 'post':
        return this.road_ref.trim() !== '' && this.posts !== null;
      case 'incident':
        return this.incident !== null;
    }
  });
  isComplete = $derived(this.hasPlace && this.profiles.length > 0);

  begin(): void {
    if (this.isOpen) return;
    this.#reset();
    this.isOpen = true;
    this.pickAgain();
  }

  /** The road at an incident, as its report says; one press more records it. */
  beginFor(incident: Incident): void {
    this.#reset();
    this.isOpen = true;
    this.where = 'incident';
    this.incident = incident;
    this.reason = REASON_OF[incident.properties.kind] ?? 'other';
    this.changed(0);
  }

  choose(where: Where): void {
    this.where = where;
    this.pickAgain();
  }

  leave(): void {
    this.#reset();
    this.isOpen = false;
  }

  /** Lets the next clicks on the map say where, and forgets what was picked. */
  pickAgain(): void {
    this.points = [];
    this.changed(0);
    if (this.where === 'point' || this.where === 'line') this.#pick();
    else if (pick.owner === PICKER) pick.stop();
  }

  #pick(): void {
    pick.start(PICKER, ({ lon, lat }) => {
      this.points = [...this.points, [lon, lat]];
      if (this.where === 'line' && this.points.length < 2) this.#pick();
      this.changed(0);
    });
  }

  /** Something that matters was changed: what was tried does not hold any more. */
  changed(pause_ms = PAUSE_MS): void {
    this.answer = null;
    this.problem = null;
    this.refused = null;
    this.#line = null;
    this.#key = uuidV7();
    this.#trying?.abort();
    this.isTrying = this.hasPlace && !this.isSlow && this.profiles.length > 0;
    ways.tried =
      this.points.length > 0
        ? { places: this.points.map((at) => ({ type: 'Point' as const, coordinates: at })), answer: null }
        : null;
    clearTimeout(this.#timer);
    if (this.hasPlace) this.#timer = setTimeout(() => void this.#try(), pause_ms);
  }

  async #try(): Promise<void> {
    const mine = (this.#trying = new AbortController());
    try {
      const geometry = await this.#place(mine.signal);
      if (mine.signal.aborted) return;
      const places = [geometry as Geometry];
      ways.tried = { places, answer: null };
      if (this.isSlow || this.profiles.length === 0) return;
      const answer = await roads.tryCutOff(geometry, $state.snapshot(this.profiles), mine.signal);
      if (mine.signal.aborted) return;
      this.answer = answer;
      ways.tried = { places, answer };
    } catch (thrown) {
      if (!isAbort(thrown) && !mine.signal.aborted) this.problem = Problem.from(thrown);
    } finally {
      if (mine === this.#trying) this.isTrying = false;
    }
  }

  /** Where it is, for trying: as it will be recorded, or as near to it as the page can say. */
  async #place(signal: AbortSignal): Promise<Sent> {
    const [first = [0, 0], second = first] = this.points;
    switch (this.where) {
      case 'point':
        return { type: 'Point', coordinates: pair(first) };
      case 'line':
        return (this.#line = await alongRoad(first, second, signal));
      case 'incident':
        return this.incident?.geometry as Sent;
      case 'post': {
        const [from = 0, to = from] = this.posts ?? [];
        const ends = await Promise.all([from, to].map((km) => postAt(this.road_ref.trim(), km, signal)));
        const [a = [0, 0], b = a] = ends;
        return from === to ? { type: 'Point', coordinates: pair(a) } : alongRoad(a, b, signal);
      }
    }
  }

  /** Records the closure: from now on everybody has it. */
  async commit(): Promise<void> {
    if (this.isBusy || !this.isComplete) return;
    this.isBusy = true;
    this.refused = null;
    const until = this.until === '' ? null : fromLocal(this.until);
    const [from_km, to_km] = this.posts ?? [];
    const isPost = this.where === 'post';
    const properties = {
      reason: this.reason,
      profiles: $state.snapshot(this.profiles),
      ...(this.isSlow ? { speed_factor: Math.min(99, Math.max(1, this.percent)) / 100 } : {}),
      ...(until === null ? {} : { valid_to: new Date(until).toISOString() }),
      ...(isPost ? { road_ref: this.road_ref.trim(), from_km, to_km } : {}),
      ...(this.where === 'incident' && this.incident ? { incident_id: this.incident.id } : {}),
    };
    try {
      const geometry =
        isPost || this.where === 'incident' ? null : (this.#line ?? (await this.#place(NEVER)));
      const { data } = await create<RoadClosure>('road_closures', geometry, properties, { key: this.#key });
      picture.take('road_closures', data);
      toasts.say(t().roads.closed(data.properties.name ?? ''));
      this.leave();
    } catch (thrown) {
      const problem = Problem.from(thrown);
      this.refused = problem;
      // The same content may go under the same key again only while nobody knows whether it arrived.
      if (!problem.isUnknownOutcome) this.#key = uuidV7();
    } finally {
      this.isBusy = false;
    }
  }

  /** Opens a road again. */
  async open(closure: RoadClosure): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      const { data } = await remove('road_closures', closure.id, closure.properties.version);
      picture.take('road_closures', (data as RoadClosure | undefined) ?? ended(closure));
      toasts.say(t().roads.opened(closure.properties.name ?? ''));
    } catch (thrown) {
      const problem = Problem.from(thrown);
      if (problem.extra.present) picture.take('road_closures', problem.extra.present as RoadClosure);
      toasts.problem(problem);
    } finally {
      this.isBusy = false;
    }
  }

  #reset(): void {
    clearTimeout(this.#timer);
    this.#trying?.abort();
    if (pick.owner === PICKER) pick.stop();
    ways.tried = null;
    this.where = 'point';
    this.points = [];
    this.incident = null;
    this.#line = null;
    this.road_ref = this.from = this.to = this.until = '';
    this.reason = 'landslide';
    this.profiles = [...WHEELS];
    this.isSlow = false;
    this.percent = 50;
    this.answer = this.problem = this.refused = null;
    this.isTrying = false;
    this.#key = uuidV7();
  }
}

const NEVER = new AbortController().signal;

const ended = (closure: RoadClosure): RoadClosure => ({
  ...closure,
  properties: { ...closure.properties, ended_at: new Date().toISOString() },
});

/** The road between two positions; the straight line where no way is known. */
async function alongRoad(from: Position, to: Position, signal: AbortSignal): Promise<Sent> {
  const straight = { type: 'LineString' as const, coordinates: [pair(from), pair(to)] };
  try {
    const found = await roads.route(pair(from), pair(to), 'car', signal);
    // A way around what is closed already is not the road between the two: it must not be closed in its place.
    const limit_m = DETOUR_MAX * roughDistance_m(from, to) + DETOUR_SLACK_M;
    return found.distance_m <= limit_m ? found.geometry : straight;
  } catch (thrown) {
    if (isAbort(thrown) || Problem.from(thrown).status !== 404) throw thrown;
    return straight;
  }
}

/** The position of a kilometre post. */
async function postAt(road_ref: string, km: number, signal: AbortSignal): Promise<Position> {
  const { candidates } = await locate(`${road_ref} ${kilometrePost(km)}`, signal);
  const found = candidates.find(({ kind, lon, lat }) => kind === 'road_km' && lon !== null && lat !== null);
  if (!found) throw Problem.local('no_post');
  return [found.lon ?? 0, found.lat ?? 0];
}

export const closing = new Closing();
