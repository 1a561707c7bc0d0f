/** Server time. Ages are counted against it, never against a phone's own clock, which may be wrong. */

class Clock {
  /** Server time in Unix milliseconds, moved on every second. */
  now_ms = $state(Date.now());
  /** True once the server has told its time. */
  isSet = $state(false);
  #offset_ms = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), 1000);
  }

  /** Takes the server's time; small differences are the line's delay and are ignored. */
  set(server_time: string): void {
    const server_ms = Date.parse(server_time);
    if (Number.isNaN(server_ms)) return;
    const offset_ms = server_ms - Date.now();
    if (!this.isSet || Math.abs(offset_ms - this.#offset_ms) > 1500) this.#offset_ms = offset_ms;
    this.isSet = true;
    this.#tick();
  }

  /** Server time now, without waiting for the next second. */
  read_ms(): number {
    return Date.now() + this.#offset_ms;
  }

  #tick(): void {
    this.now_ms = this.read_ms();
  }
}

export const clock = new Clock();
