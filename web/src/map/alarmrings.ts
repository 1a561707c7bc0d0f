/**
 * Rings that flash around alarms nobody took. They lie over the map as elements of the page: the browser blends them by
 * itself, where a flashing layer would make the whole map be drawn anew twice a second, night after night.
 */
import { Marker, type Map as MapLibre } from 'maplibre-gl';

/** More rings than this say nothing more; the symbols below keep their alarm edge. */
const RINGS_MAX = 60;

export class AlarmRings {
  #rings = new Map<string, Marker>();

  constructor(private readonly map: MapLibre) {}

  /** Draws a ring around each of these positions `[lon, lat]`, by the id of what stands there, and around nothing else. */
  show(places: ReadonlyMap<string, [number, number]>): void {
    const wanted = new Map([...places].slice(0, RINGS_MAX));
    for (const [id, ring] of this.#rings) {
      if (wanted.has(id)) continue;
      ring.remove();
      this.#rings.delete(id);
    }
    for (const [id, place] of wanted) {
      const ring = this.#rings.get(id);
      if (ring) ring.setLngLat(place);
      else this.#rings.set(id, this.#made().setLngLat(place).addTo(this.map));
    }
  }

  #made(): Marker {
    const element = document.createElement('div');
    element.className = 'alarm-ring';
    element.setAttribute('aria-hidden', 'true');
    return new Marker({ element });
  }
}
