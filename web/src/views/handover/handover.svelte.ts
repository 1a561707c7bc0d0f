/** The handover in view: read when it changes, with what is new in it since it was first looked at. */
import { shifts as requests } from '../../api/endpoints';
import { isAbort } from '../../api/client';
import { Problem } from '../../api/problem';
import type { Handover, HandoverItem, ShiftVerb } from '../../api/types';
import { uuidV7 } from '../../api/uuid';
import { picture } from '../../state/picture.svelte';
import { toasts } from '../../state/toasts.svelte';

/** Changes within this time are read together: a busy night must not ask at every position. */
const WAIT_MS = 3_000;
/** The shift itself is shown at once. */
const WAIT_SHIFT_MS = 150;

const nameOf = ({ id, version }: HandoverItem) => `${id}/${version}`;

class Handing {
  list = $state.raw<Handover | null>(null);
  problem = $state.raw<Problem | null>(null);
  isBusy = $state(false);
  /** What was on the screen first, so that whatever comes or changes later is marked. */
  #seen = new Set<string>();
  #seenOf: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueAt = 0;
  #asking: AbortController | null = null;
  #key = uuidV7();

  /** Follows it; the answer stops. */
  start(): () => void {
    void this.read();
    const stop = picture.onChange((collection) =>
      this.#soon(collection === 'shifts' ? WAIT_SHIFT_MS : WAIT_MS),
    );
    return () => {
      stop();
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#asking?.abort();
    };
  }

  /** Whether it came or changed while the page was looked at. */
  isFresh(item: HandoverItem): boolean {
    return this.list !== null && !this.#seen.has(nameOf(item));
  }

  async read(): Promise<void> {
    this.#asking?.abort();
    this.#asking = new AbortController();
    try {
      const list = await requests.handover(this.#asking.signal);
      const shift = list.shift?.id ?? '';
      if (this.#seenOf !== shift) {
        this.#seenOf = shift;
        this.#seen = new Set(list.open.flatMap(({ items }) => items.map(nameOf)));
      }
      this.list = list;
      this.problem = null;
    } catch (thrown) {
      if (!isAbort(thrown)) this.problem = Problem.from(thrown);
    }
  }

  begin(): Promise<boolean> {
    return this.#do(() => requests.begin(this.#key));
  }

  /** Does something to the shift that is on the screen; what was seen of it is what is accepted. */
  verb(verb: ShiftVerb, said: { note?: string; reason?: string } = {}): Promise<boolean> {
    const { shift, list_hash } = this.list ?? {};
    if (!shift) return Promise.resolve(false);
    const body = verb === 'accept' ? { list: list_hash ?? '' } : said;
    return this.#do(() => requests.run(shift.id, verb, body, { version: shift.version, key: this.#key }));
  }

  async #do(work: () => Promise<unknown>): Promise<boolean> {
    if (this.isBusy) return false;
    this.isBusy = true;
    try {
      await work();
      this.#key = uuidV7();
      return true;
    } catch (thrown) {
      if (!Problem.from(thrown).isUnknownOutcome) this.#key = uuidV7();
      toasts.problem(thrown);
      return false;
    } finally {
      this.isBusy = false;
      await this.read();
    }
  }

  #soon(wait_ms: number): void {
    const at = Date.now() + wait_ms;
    if (this.#timer !== undefined && this.#dueAt <= at) return;
    clearTimeout(this.#timer);
    this.#dueAt = at;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.read();
    }, wait_ms);
  }
}

export const handing = new Handing();
