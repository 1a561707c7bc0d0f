/** Who is cut off (cô lập) now: asked from the server, and again whenever a closure or a place changes. */
import { untrack } from 'svelte';
import { isAbort } from '../api/client';
import { roads } from '../api/endpoints';
import { Problem } from '../api/problem';
import type { CollectionName, CutOff, CutOffRecord, CutOffTarget, Profile } from '../api/types';
import { picture } from './picture.svelte';

/** Several changes at once are asked for once. */
const SETTLE_MS = 40;
/** Records that are imported come by the thousand. */
const SETTLE_OTHERS_MS = 3_000;
/** Closures also begin and end by time alone. */
const AGAIN_MS = 60_000;
const OTHERS: ReadonlySet<CollectionName> = new Set(['places', 'households', 'shelters', 'stations']);

export type Counts = Pick<
  CutOff['counts'][number],
  'places' | 'households' | 'people' | 'shelters' | 'units'
>;
const NONE: Counts = { places: 0, households: 0, people: 0, shelters: 0, units: 0 };

class Isolation {
  answer = $state.raw<CutOff | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** What must be reached, and by what: one choice for list, map and what is tried. */
  target = $state<CutOffTarget>('province_seat');
  profile = $state<Profile>('car');
  #asking: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #followers = 0;

  /** Keeps the answer fresh for as long as the component lives that calls it while it is made. */
  follow(): void {
    $effect(() => untrack(() => this.#start()));
  }

  #start(): () => void {
    this.#followers += 1;
    if (this.#followers === 1) this.#soon(0);
    const stop = picture.onChange((collection) => {
      if (collection === 'road_closures') this.#soon(SETTLE_MS);
      else if (OTHERS.has(collection)) this.#soon(SETTLE_OTHERS_MS);
    });
    const again = setInterval(() => this.#soon(0), AGAIN_MS);
    return () => {
      stop();
      clearInterval(again);
      this.#followers -= 1;
      if (this.#followers === 0) clearTimeout(this.#timer);
    };
  }

  #soon(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.ask(), ms);
  }

  async ask(): Promise<void> {
    this.#asking?.abort();
    const mine = (this.#asking = new AbortController());
    try {
      const answer = await roads.cutOff(mine.signal);
      if (mine !== this.#asking) return;
      this.answer = answer;
      this.problem = null;
    } catch (thrown) {
      if (!isAbort(thrown) && mine === this.#asking) this.problem = Problem.from(thrown);
    }
  }

  /** Records of an answer that lose the chosen target by the chosen profile. */
  listed(answer: CutOff | null): CutOffRecord[] {
    const { target, profile } = this;
    return (answer?.cut_off ?? []).filter(({ lost }) =>
      lost.some((one) => one.target === target && one.profiles.includes(profile)),
    );
  }

  /** How many of them there are; the counts are whole even where the list is not. */
  counts(answer: CutOff | null): Counts {
    const { target, profile } = this;
    return answer?.counts.find((one) => one.target === target && one.profile === profile) ?? NONE;
  }
}

export const isolation = new Isolation();
