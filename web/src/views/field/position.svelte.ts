/** Where this phone is, how sure, since when, and why it is not known when it is not. */
import type { Point } from 'geojson';
import { roughDistance_m } from '../../map/geo';
import { clock } from '../../state/clock.svelte';
import { outbox } from './outbox.svelte';

export interface Fixed {
  lon: number;
  lat: number;
  accuracy_m: number;
  /** Server time of the fix, Unix milliseconds. */
  at_ms: number;
}

/** Why there is no position. */
export type Missing = 'denied' | 'no_signal' | 'timeout' | 'insecure' | 'unsupported' | 'waiting';

/** A fix goes to the server after so many metres … */
const STEP_M = 25;
/** … or after so long … */
const STEP_MS = 15_000;
/** … but never more often than this: a jumping receiver is not a racing car. */
const STEP_MIN_MS = 2_000;
const WATCH: PositionOptions = { enableHighAccuracy: true, maximumAge: 5_000, timeout: 20_000 };
const REASONS: Record<number, Missing> = { 1: 'denied', 2: 'no_signal', 3: 'timeout' };

class Position {
  fixed = $state<Fixed | null>(null);
  missing = $state<Missing | null>('waiting');
  #unit_id: string | null = null;
  #sent: Fixed | null = null;
  #watch: number | null = null;

  /** Watches for as long as the page lives; fixes of `unit_id` go to the outbox. The answer stops it. */
  start(unit_id: string | null): () => void {
    this.#unit_id = unit_id;
    this.#sent = null;
    this.#begin();
    return () => {
      if (this.#watch !== null) navigator.geolocation.clearWatch(this.#watch);
      this.#watch = null;
    };
  }

  /** Asks again after a refusal or a silence. */
  retry(): void {
    if (this.#watch !== null) navigator.geolocation.clearWatch(this.#watch);
    this.#begin();
  }

  #begin(): void {
    if (!('geolocation' in navigator)) {
      this.missing = 'unsupported';
      return;
    }
    if (!isSecureContext) {
      this.missing = 'insecure';
      return;
    }
    if (!this.fixed) this.missing = 'waiting';
    this.#watch = navigator.geolocation.watchPosition(
      (found) => this.#take(found),
      (error) => (this.missing = REASONS[error.code] ?? 'no_signal'),
      WATCH,
    );
  }

  #take({ coords, timestamp }: GeolocationPosition): void {
    this.missing = null;
    // The phone's clock may be wrong; the server's is what everybody else counts by.
    const at_ms = Math.min(clock.read_ms(), timestamp + (clock.read_ms() - Date.now()));
    this.fixed = {
      lon: round(coords.longitude),
      lat: round(coords.latitude),
      accuracy_m: Math.max(1, Math.round(coords.accuracy)),
      at_ms,
    };
    if (!this.#unit_id || !this.#isWorthSending(this.fixed)) return;
    this.#sent = this.fixed;
    const { lon, lat, accuracy_m } = this.fixed;
    const { speed, heading } = coords;
    void outbox.addFix({
      unit_id: this.#unit_id,
      lon,
      lat,
      accuracy_m,
      at: new Date(at_ms).toISOString(),
      ...(speed !== null && Number.isFinite(speed) ? { speed_mps: speed } : {}),
      ...(heading !== null && Number.isFinite(heading) ? { course_deg: heading } : {}),
    });
  }

  #isWorthSending(next: Fixed): boolean {
    if (!this.#sent) return true;
    const since_ms = next.at_ms - this.#sent.at_ms;
    if (since_ms < STEP_MIN_MS) return false;
    return since_ms >= STEP_MS || roughDistance_m(pair(this.#sent), pair(next)) >= STEP_M;
  }
}

const round = (degrees: number): number => Number(degrees.toFixed(6));
const pair = ({ lon, lat }: { lon: number; lat: number }): [number, number] => [lon, lat];

export const pointOf = ({ lon, lat }: { lon: number; lat: number }): Point => ({
  type: 'Point',
  coordinates: [lon, lat],
});

export const position = new Position();
