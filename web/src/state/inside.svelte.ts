/** Who is still inside the zones in force: asked from the server, and again whenever households, zones or units change. */
import { untrack } from 'svelte';
import { isAbort } from '../api/client';
import { evacuation } from '../api/endpoints';
import { Problem } from '../api/problem';
import type { CollectionName, InsideBoard, InsideFigures } from '../api/types';
import { picture } from './picture.svelte';

/** A household's report also changes a shelter and the log: together they are asked for once. */
const SETTLE_MS = 120;
/** Units move all the time; who of them is inside may be some seconds old. */
const SETTLE_UNITS_MS = 5_000;
/** Figures grow old, and zones begin and end, by time alone. */
const AGAIN_MS = 60_000;
const HEARD: ReadonlySet<CollectionName> = new Set(['households', 'risk_zones', 'shelters']);

class Inside {
  board = $state.raw<InsideBoard | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** Whether the full board is open. */
  isOpen = $state(false);
  #asking: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due_ms = Infinity;
  #followers = 0;

  /** Keeps the board fresh for as long as the component lives that calls it while it is made. */
  follow(): void {
    $effect(() => untrack(() => this.#start()));
  }

  #start(): () => void {
    this.#followers += 1;
    if (this.#followers === 1) this.#soon(0);
    const stop = picture.onChange((collection) => {
      if (HEARD.has(collection)) this.#soon(SETTLE_MS);
      else if (collection === 'units') this.#soon(SETTLE_UNITS_MS);
    });
    const again = setInterval(() => this.#soon(0), AGAIN_MS);
    return () => {
      stop();
      clearInterval(again);
      this.#followers -= 1;
      if (this.#followers === 0) clearTimeout(this.#timer);
    };
  }

  /** Asks after so long at the latest: what changes all the time does not put the question off. */
  #soon(ms: number): void {
    const due_ms = performance.now() + ms;
    if (due_ms >= this.#due_ms) return;
    this.#due_ms = due_ms;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.ask(), ms);
  }

  async ask(): Promise<void> {
    this.#due_ms = Infinity;
    this.#asking?.abort();
    const mine = (this.#asking = new AbortController());
    try {
      const board = await evacuation.inside(mine.signal);
      if (mine !== this.#asking) return;
      this.board = board;
      this.problem = null;
    } catch (thrown) {
      if (!isAbort(thrown) && mine === this.#asking) this.problem = Problem.from(thrown);
    }
  }

  figures(zone_id: string): InsideFigures | null {
    return this.board?.zones.find(({ id }) => id === zone_id)?.figures ?? null;
  }
}

/** The newest word on which figures rest; `null` where nobody has said anything. */
export function newestTold({ told }: InsideFigures): InsideFigures['told'][number] | null {
  return told.reduce<InsideFigures['told'][number] | null>(
    (newest, one) => (newest && newest.at > one.at ? newest : one),
    null,
  );
}

export const inside = new Inside();
