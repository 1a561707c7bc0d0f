/** What a view asks the map to draw of roads: a way, how far one gets, a closure that is only tried. */
import type { Geometry, Position } from 'geojson';
import { isAbort } from '../api/client';
import { roads } from '../api/endpoints';
import { Problem } from '../api/problem';
import type { CutOff, Profile, Reach, Route } from '../api/types';
import { picture } from './picture.svelte';

export interface Way {
  route: Route;
  from: Position;
  to: Position;
}

export const REACH_MINUTES = [15, 30, 60] as const;

class Ways {
  shown = $state.raw<Way | null>(null);
  reach = $state.raw<Reach | null>(null);
  reachProblem = $state.raw<Problem | null>(null);
  /** Where a closure is tried, and who would be cut off as soon as that is known. */
  tried = $state.raw<{ places: readonly Geometry[]; answer: CutOff | null } | null>(null);
  #key: string | null = null;
  #asking: AbortController | null = null;
  #reaching: AbortController | null = null;

  /** Draws the way between two places; asked once for as long as ends, profile and closures stay as they are. */
  async show(from: Position, to: Position, profile: Profile): Promise<void> {
    const key = [from.slice(0, 2), to.slice(0, 2), profile, picture.closures.version].join();
    if (key === this.#key) return;
    this.#asking?.abort();
    this.#key = key;
    const mine = (this.#asking = new AbortController());
    try {
      const route = await roads.route(pair(from), pair(to), profile, mine.signal);
      if (mine === this.#asking) this.shown = { route, from, to };
    } catch (thrown) {
      // The list says why there is no way; the map draws none.
      if (mine === this.#asking && !isAbort(thrown)) this.shown = null;
    }
  }

  hide(): void {
    this.#asking?.abort();
    this.#asking = this.#key = null;
    this.shown = null;
  }

  /** Draws how far one gets from a place. */
  async reachFrom(from: Position, profile: Profile): Promise<void> {
    this.#reaching?.abort();
    const mine = (this.#reaching = new AbortController());
    try {
      const reach = await roads.reach(pair(from), profile, REACH_MINUTES, mine.signal);
      if (mine !== this.#reaching) return;
      this.reach = reach;
      this.reachProblem = null;
    } catch (thrown) {
      if (isAbort(thrown) || mine !== this.#reaching) return;
      this.reach = null;
      this.reachProblem = Problem.from(thrown);
    }
  }

  hideReach(): void {
    this.#reaching?.abort();
    this.#reaching = null;
    this.reach = null;
    this.reachProblem = null;
  }
}

export const pair = ([lon = 0, lat = 0]: Position): [number, number] => [lon, lat];

export const ways = new Ways();
