/** Levels of the border sectors: asked from the server while somebody looks, and again as something changes. */
import type { LineString, MultiLineString } from 'geojson';
import { untrack } from 'svelte';
import { isAbort } from '../api/client';
import { border as requests, items } from '../api/endpoints';
import { Problem } from '../api/problem';
import type { BorderBoard, CollectionName, Feature, SectorStanding } from '../api/types';
import { picture } from './picture.svelte';

const SETTLE_MS = 400;
/** Windows move on, and ends come, by time alone. */
const AGAIN_MS = 300_000;
const HEARD: ReadonlySet<CollectionName> = new Set(['sector_assessments', 'incidents', 'cases']);

export type SectorLine = Omit<Feature<{ name: string }>, 'geometry'> & {
  geometry: LineString | MultiLineString | null;
};

class Border {
  board = $state.raw<BorderBoard | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The lines of the sectors, by id; read once. */
  lines = $state.raw<ReadonlyMap<string, SectorLine>>(new Map());
  #asking: AbortController | null = null;
  #followers = 0;

  get(id: string): SectorStanding | undefined {
    return this.board?.sectors.find(({ sector_id }) => sector_id === id);
  }

  /** Keeps it fresh for as long as the component lives that calls it while it is made. */
  follow(): void {
    $effect(() => untrack(() => this.#start()));
  }

  #start(): () => void {
    this.#followers += 1;
    if (this.#followers > 1) return () => (this.#followers -= 1);
    void this.ask();
    void this.#readLines();
    let soon: ReturnType<typeof setTimeout> | undefined;
    const stop = picture.onChange((collection) => {
      if (HEARD.has(collection)) soon ??= setTimeout(() => ((soon = undefined), void this.ask()), SETTLE_MS);
    });
    const again = setInterval(() => void this.ask(), AGAIN_MS);
    return () => {
      this.#followers -= 1;
      stop();
      clearTimeout(soon);
      clearInterval(again);
      this.#asking?.abort();
    };
  }

  async ask(): Promise<void> {
    this.#asking?.abort();
    const mine = (this.#asking = new AbortController());
    try {
      const board = await requests.levels(mine.signal);
      if (mine !== this.#asking) return;
      this.board = board;
      this.problem = null;
    } catch (thrown) {
      if (!isAbort(thrown) && mine === this.#asking) this.problem = Problem.from(thrown);
    }
  }

  async #readLines(): Promise<void> {
    if (this.lines.size > 0) return;
    try {
      const page = await items<Feature<{ name: string }>>('border_sectors');
      this.lines = new Map(page.features.map((line) => [line.id, line as SectorLine]));
    } catch {
      // The line of the base map is still there; the next look tries again.
    }
  }
}

export const border = new Border();
