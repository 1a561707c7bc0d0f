/** What is half typed in a form, kept in this browser until it is sent: a reload, or a fire alarm, loses nothing. */
import { keptAs } from '../../room';

export class Draft<T extends object> {
  typed: T;
  readonly #name: string;
  readonly #blank: () => T;

  constructor(name: string, blank: () => T) {
    this.#name = keptAs(`trucban.work-${name}`);
    this.#blank = blank;
    this.typed = $state(this.#kept());
  }

  #kept(): T {
    try {
      return { ...this.#blank(), ...(JSON.parse(localStorage.getItem(this.#name) ?? '{}') as Partial<T>) };
    } catch {
      return this.#blank();
    }
  }

  /** Writes down what stands in the form; called from an effect, which it follows. */
  keep(): void {
    const text = JSON.stringify(this.typed);
    try {
      localStorage.setItem(this.#name, text);
    } catch {
      // A browser that keeps nothing has the form on the screen still.
    }
  }

  /** Whether something was typed. */
  get isBegun(): boolean {
    return JSON.stringify(this.typed) !== JSON.stringify(this.#blank());
  }

  clear(): void {
    this.typed = this.#blank();
  }
}
