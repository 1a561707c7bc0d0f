/** Counts what lies inside an area while it is being drawn: at most four questions a second, the newest answer wins. */
import { exposure } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type { Area, Exposure } from '../../api/types';

const STEP_MS = 250;

class Counter {
  value = $state.raw<Exposure | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** True while the shown figures are not those of the present line. */
  isOld = $state(false);
  #next: Area | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last_ms = -STEP_MS;
  #asked = 0;
  #answered = 0;

  /** Counts this area soon; an area that follows within the step takes its place. */
  count(area: Area): void {
    this.#next = area;
    this.isOld = true;
    this.#timer ??= setTimeout(() => this.#ask(), Math.max(0, this.#last_ms + STEP_MS - performance.now()));
  }

  /** Forgets everything: there is no area. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#next = null;
    this.#answered = ++this.#asked;
    this.value = null;
    this.problem = null;
    this.isOld = false;
  }

  #ask(): void {
    this.#timer = undefined;
    const area = this.#next;
    if (!area) return;
    this.#next = null;
    this.#last_ms = performance.now();
    const turn = ++this.#asked;
    const take = (value: Exposure | null, problem: Problem | null) => {
      if (turn <= this.#answered) return;
      this.#answered = turn;
      if (value) this.value = value;
      this.problem = problem;
      this.isOld = problem !== null || turn !== this.#asked || this.#next !== null;
    };
    exposure({ geometry: area }).then(
      (value) => take(value, null),
      (thrown: unknown) => take(null, Problem.from(thrown)),
    );
  }
}

export const counter = new Counter();
