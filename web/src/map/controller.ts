/**
 * The one hand on the MapLibre map. Views ask for what they want to see; the map never moves by itself, and a
 * selection that is taken back brings the former view back.
 */
import {
  Map as MapLibre,
  ScaleControl,
  setWorkerUrl,
  type GeoJSONSource,
  type MapGeoJSONFeature,
  type MapMouseEvent,
  type PointLike,
  type VectorTileSource,
} from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import type { CollectionName } from '../api/types';
import type { SelectableCollection } from '../state/selection.svelte';
import { AlarmRings } from './alarmrings';
import { boxOf, metresPerPixel, type Box } from './geo';
import { graticule } from './graticule';
import { provideImages } from './images';
import { nothing, type Drawn } from './livedata';
import { HIT_LAYERS, type LiveSource } from './livelayers';
import type { Palette } from './palettes';
import { mapStyle, TILE_SOURCES, type StyleWishes } from './style';

setWorkerUrl(new URL(workerUrl, location.href).href);

/** The province with a margin: where the map stands at first and where "home" goes. */
export const HOME: Box = [102.28, 21.62, 104.02, 22.88];
/** A finger or a shaking hand hits beside the symbol by so much. */
const HIT_MARGIN_PX = 7;
/** How far off a click may be, in pixels, for a place picked on the map. */
const PICK_ERROR_PX = 6;
const MOVE_MS = 500;
/** Tiles of a changed collection are asked again at most this often. */
const REFRESH_MS = 3_000;

export interface Camera {
  center: [number, number];
  zoom: number;
  bearing: number;
}

export interface Hit {
  collection: SelectableCollection;
  id: string;
}

export class MapController {
  readonly map: MapLibre;
  /** True once the first style has been drawn. */
  isReady = false;
  #palette: Palette;
  #wishes: StyleWishes;
  #data = new Map<LiveSource, Drawn>();
  #former: Camera | null = null;
  #styleListeners = new Set<() => void>();
  #refresh = new Map<string, ReturnType<typeof setTimeout>>();
  #isGridShown = false;
  readonly #rings: AlarmRings;

  constructor(container: HTMLElement, palette: Palette, wishes: StyleWishes) {
    this.#palette = palette;
    this.#wishes = wishes;
    this.map = new MapLibre({
      container,
      style: mapStyle(palette, wishes),
      bounds: HOME,
      attributionControl: false,
      fadeDuration: 0,
      maxPitch: 0,
      minZoom: 4,
      maxZoom: 18,
    });
    this.#rings = new AlarmRings(this.map);
    this.map.addControl(new ScaleControl({ maxWidth: 120 }), 'bottom-right');
    this.map.keyboard.disableRotation();
    this.map.touchZoomRotate.disableRotation();
    provideImages(this.map, () => this.#palette);
    this.map.on('style.load', () => this.#restore());
    this.map.on('load', () => (this.isReady = true));
    this.map.on('moveend', () => this.#drawGrid());
  }

  /** Changes the look; sources and images follow. */
  setLook(palette: Palette, wishes: StyleWishes): void {
    const { households, scale } = this.#wishes;
    if (palette === this.#palette && wishes.households === households && wishes.scale === scale) return;
    this.#palette = palette;
    this.#wishes = wishes;
    this.map.setStyle(mapStyle(palette, wishes), { diff: false });
  }

  /** Calls `listener` after each style was loaded, now too if one is: for layers that a view adds itself. */
  onStyle(listener: () => void): () => void {
    this.#styleListeners.add(listener);
    if (this.map.isStyleLoaded()) listener();
    return () => this.#styleListeners.delete(listener);
  }

  setData(source: LiveSource, data: Drawn): void {
    this.#data.set(source, data);
    this.map.getSource<GeoJSONSource>(source)?.setData(data);
  }

  /** Reads a collection's tiles again soon: a record of it changed. */
  refreshTiles(collection: CollectionName): void {
    if (!(TILE_SOURCES as readonly string[]).includes(collection) || this.#refresh.has(collection)) return;
    const timer = setTimeout(() => {
      this.#refresh.delete(collection);
      const source = this.map.getSource<VectorTileSource>(collection);
      if (source) source.setTiles(source.tiles);
    }, REFRESH_MS);
    this.#refresh.set(collection, timer);
  }

  /** What lies under a point of the screen, the most urgent first. */
  hit({ x, y }: { x: number; y: number }): Hit | null {
    const box: [PointLike, PointLike] = [
      [x - HIT_MARGIN_PX, y - HIT_MARGIN_PX],
      [x + HIT_MARGIN_PX, y + HIT_MARGIN_PX],
    ];
    const layers = Object.keys(HIT_LAYERS).filter((layer) => this.map.getLayer(layer));
    const found = this.map.queryRenderedFeatures(box, { layers });
    for (const layer of layers) {
      const nearest = this.#nearest(
        found.filter((feature) => feature.layer.id === layer),
        x,
        y,
      );
      const id: unknown = nearest?.properties.id;
      if (typeof id === 'string') return { collection: HIT_LAYERS[layer as keyof typeof HIT_LAYERS], id };
    }
    return null;
  }

  #nearest(features: MapGeoJSONFeature[], x: number, y: number): MapGeoJSONFeature | undefined {
    const off = (feature: MapGeoJSONFeature): number => {
      if (feature.geometry.type !== 'Point') return 0;
      const [lon = 0, lat = 0] = feature.geometry.coordinates;
      const at = this.map.project([lon, lat]);
      return (at.x - x) ** 2 + (at.y - y) ** 2;
    };
    return features.length > 1 ? [...features].sort((a, b) => off(a) - off(b))[0] : features[0];
  }

  /** Position and honest accuracy of a click. */
  place(event: MapMouseEvent): { lon: number; lat: number; accuracy_m: number } {
    const { lng, lat } = event.lngLat;
    const accuracy_m = Math.max(1, Math.round(metresPerPixel(lat, this.map.getZoom()) * PICK_ERROR_PX));
    return { lon: Number(lng.toFixed(6)), lat: Number(lat.toFixed(6)), accuracy_m };
  }

  camera(): Camera {
    const { lng, lat } = this.map.getCenter();
    return { center: [lng, lat], zoom: this.map.getZoom(), bearing: this.map.getBearing() };
  }

  /** Goes to a position, and remembers where the map stood before. */
  showPoint(center: [number, number], zoom_min = 11): void {
    this.#remember();
    this.map.easeTo({ center, zoom: Math.max(this.map.getZoom(), zoom_min), duration: this.#duration() });
  }

  /** Shows a whole box, and remembers where the map stood before. */
  showBox(box: Box, zoom_max = 13): void {
    this.#remember();
    this.map.fitBounds(box, { padding: 60, maxZoom: zoom_max, duration: this.#duration() });
  }

  /** Goes back to where the map stood before the first `show…`. */
  back(): void {
    const former = this.#former;
    this.#former = null;
    if (former) this.map.easeTo({ ...former, duration: this.#duration() });
  }

  home(): void {
    this.#former = null;
    this.map.fitBounds(HOME, { duration: this.#duration(), bearing: 0 });
  }

  north(): void {
    this.map.easeTo({ bearing: 0, duration: this.#duration() });
  }

  zoomBy(steps: number): void {
    this.map.easeTo({ zoom: this.map.getZoom() + steps, duration: this.#duration() });
  }

  showGrid(isShown: boolean): void {
    this.#isGridShown = isShown;
    this.#drawGrid();
  }

  /** Flashing rings around these positions `[lon, lat]`, by id, and no others. */
  showAlarms(places: ReadonlyMap<string, [number, number]>): void {
    this.#rings.show(places);
  }

  destroy(): void {
    for (const timer of this.#refresh.values()) clearTimeout(timer);
    this.map.remove();
  }

  #restore(): void {
    for (const [source, data] of this.#data) this.map.getSource<GeoJSONSource>(source)?.setData(data);
    for (const listener of this.#styleListeners) listener();
  }

  #remember(): void {
    this.#former ??= this.camera();
  }

  #drawGrid(): void {
    if (!this.#isGridShown) {
      if (this.#data.get('grid') !== nothing) this.setData('grid', nothing);
      return;
    }
    const bounds = this.map.getBounds();
    this.setData(
      'grid',
      graticule([bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()]),
    );
  }

  #duration(): number {
    return matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : MOVE_MS;
  }
}

export { boxOf };
