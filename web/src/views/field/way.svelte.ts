/** The way to my task by road: asked from the server, kept on the device with the time at which it was true. */
import type { Position } from 'geojson';
import { roads } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type { Profile, Route } from '../../api/types';
import { roughDistance_m } from '../../map/geo';
import { clock } from '../../state/clock.svelte';
import { pair, type Way } from '../../state/ways.svelte';
import { keep, kept } from './store';

/** What is tried, one after the other, until there is a way. */
const PROFILES: readonly Profile[] = ['car', 'motorbike', 'foot'];
/** Asked again after so many metres, and after so long in any case. */
const ASK_AGAIN_M = 300;
const ASK_AGAIN_MS = 120_000;

interface KeptWay extends Way {
  task_id: string;
}

class MyWay {
  way = $state.raw<KeptWay | null>(null);
  /** Server time at which it was true, Unix milliseconds. */
  at_ms = $state<number | null>(null);
  /** The server knows of no way, by whatever one travels. */
  isNone = $state(false);
  #isAsking = false;
  #isStale = false;

  /** Brings back the last way of this device. */
  async restore(): Promise<void> {
    const last = await kept<KeptWay>('way');
    if (!last || this.at_ms !== null) return;
    this.way = last.value;
    this.at_ms = Date.parse(last.at);
  }

  /** A road was closed or opened: the way may be another one. */
  forget(): void {
    this.#isStale = true;
  }

  async refresh(task_id: string, from: Position, to: Position): Promise<void> {
    if (this.#isAsking || this.#holds(task_id, from, to)) return;
    this.#isAsking = true;
    this.#isStale = false;
    try {
      const route = await first(from, to);
      this.isNone = route === null;
      this.way = route ? { task_id, route, from, to } : null;
      this.at_ms = clock.read_ms();
      if (this.way) await keep('way', this.at_ms, this.way);
    } catch {
      // No link, or no roads: the last known way stays, with its time.
      this.#isStale = true;
    } finally {
      this.#isAsking = false;
    }
  }

  /** The way to this task, if one is known. */
  of(task_id: string): Way | null {
    return this.way?.task_id === task_id ? this.way : null;
  }

  #holds(task_id: string, from: Position, to: Position): boolean {
    const { way, at_ms } = this;
    if (this.#isStale || !way || way.task_id !== task_id || at_ms === null) return false;
    const isNear = roughDistance_m(way.from, from) < ASK_AGAIN_M && roughDistance_m(way.to, to) < 1;
    return isNear && clock.read_ms() - at_ms < ASK_AGAIN_MS;
  }
}

/** The way of the first profile that has one; `null` if none has. */
async function first(from: Position, to: Position): Promise<Route | null> {
  for (const profile of PROFILES) {
    try {
      return await roads.route(pair(from), pair(to), profile);
    } catch (thrown) {
      if (Problem.from(thrown).code !== 'no_route') throw thrown;
    }
  }
  return null;
}

export const myWay = new MyWay();
