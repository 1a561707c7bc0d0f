/**
 * The drawing tool itself (terra-draw): one polygon at a time. This file is loaded when somebody draws, not before.
 * It owns the vertices while the pen is down and tells every change; it knows nothing of records.
 */
import type { Polygon } from 'geojson';
import type { Map as MapLibre } from 'maplibre-gl';
import {
  TerraDraw,
  TerraDrawModeUndoRedo,
  TerraDrawPolygonMode,
  TerraDrawSelectMode,
  TerraDrawSessionUndoRedo,
  type GeoJSONStoreFeatures,
} from 'terra-draw';
import { TerraDrawMapLibreGLAdapter } from 'terra-draw-maplibre-gl-adapter';
import type { Palette } from '../../map/palettes';
import { snapTo } from './snap';

type Hex = `#${string}`;

export interface PenEvents {
  /** Every movement of the line: the ring as it would be closed now, or `null` below three corners. */
  onmove: (area: Polygon | null) => void;
  /** A step was finished: a closed area, a dragged corner, an undo. */
  onstep: (area: Polygon | null) => void;
}

const HISTORY_MAX = 200;
const DECIMALS = 7;

export class Pen {
  #draw: TerraDraw;
  #events: PenEvents;
  #isSnapping = true;

  constructor(map: MapLibre, palette: Palette, events: PenEvents) {
    this.#events = events;
    const line = palette.accent as Hex;
    const ground = palette.sevGround as Hex;
    const snapping = {
      toCustom: (event: { containerX: number; containerY: number }) =>
        this.#isSnapping ? snapTo(map, { x: event.containerX, y: event.containerY }) : undefined,
    };
    this.#draw = new TerraDraw({
      adapter: new TerraDrawMapLibreGLAdapter({ map, coordinatePrecision: DECIMALS, prefixId: 'pen' }),
      modes: [
        new TerraDrawPolygonMode({
          snapping,
          showCoordinatePoints: true,
          pointerDistance: 24,
          // Escape and Enter are the page's own: leaving asks first.
          keyEvents: { cancel: null, finish: 'Enter' },
          styles: {
            fillColor: line,
            fillOpacity: 0.18,
            outlineColor: line,
            outlineWidth: 2.5,
            closingPointColor: line,
            closingPointWidth: 8,
            closingPointOutlineColor: ground,
            coordinatePointColor: ground,
            coordinatePointWidth: 4,
            coordinatePointOutlineColor: line,
            coordinatePointOutlineWidth: 2,
            snappingPointColor: ground,
            snappingPointOutlineColor: line,
            snappingPointWidth: 7,
          },
        }),
        new TerraDrawSelectMode({
          pointerDistance: 24,
          allowManualDeselection: false,
          keyEvents: null,
          flags: {
            polygon: {
              feature: {
                draggable: false,
                coordinates: {
                  draggable: true,
                  deletable: true,
                  midpoints: { draggable: true },
                  snappable: snapping,
                },
              },
            },
          },
          styles: {
            selectedPolygonColor: line,
            selectedPolygonFillOpacity: 0.18,
            selectedPolygonOutlineColor: line,
            selectedPolygonOutlineWidth: 2.5,
            selectionPointColor: ground,
            selectionPointWidth: 7,
            selectionPointOutlineColor: line,
            selectionPointOutlineWidth: 2.5,
            midPointColor: line,
            midPointWidth: 4,
            midPointOutlineColor: ground,
            midPointOutlineWidth: 1,
          },
        }),
      ],
      undoRedo: {
        modeLevel: new TerraDrawModeUndoRedo({ maxStackSize: HISTORY_MAX }),
        sessionLevel: new TerraDrawSessionUndoRedo({ maxStackSize: HISTORY_MAX }),
      },
    });
    this.#draw.start();
    this.#draw.on('change', (_ids, type) => {
      if (type !== 'styling') events.onmove(this.area());
    });
    this.#draw.on('finish', (id, { action }) => {
      if (action === 'draw') this.#hold(id);
      events.onstep(this.area());
    });
  }

  /** Starts a new line. */
  begin(): void {
    this.#draw.clear();
    this.#draw.setMode('polygon');
  }

  /** Takes an area to change its corners; false if the tool cannot hold it (holes, several parts). */
  take(area: Polygon): boolean {
    this.#draw.clear();
    // Adding checks the shape for the polygon mode; holes are refused.
    const rounded = area.coordinates.map((ring) =>
      ring.map(([lon = 0, lat = 0]) => [Number(lon.toFixed(DECIMALS)), Number(lat.toFixed(DECIMALS))]),
    );
    const [added] = this.#draw.addFeatures([
      {
        type: 'Feature',
        geometry: { type: 'Polygon', coordinates: rounded },
        properties: { mode: 'polygon' },
      },
    ]);
    if (!added?.valid || added.id === undefined) return false;
    this.#draw.clearUndoRedoHistory();
    this.#hold(added.id);
    return true;
  }

  /** The ring as it is now, closed; `null` below three different corners. */
  area(): Polygon | null {
    const found = this.#found();
    if (found?.geometry.type !== 'Polygon') return null;
    const ring = found.geometry.coordinates[0] ?? [];
    const corners = ring.filter(
      ([lon, lat], index) => index === 0 || lon !== ring[index - 1]?.[0] || lat !== ring[index - 1]?.[1],
    );
    const different = new Set(corners.map(([lon, lat]) => `${lon} ${lat}`));
    return different.size < 3 ? null : { type: 'Polygon', coordinates: [corners] };
  }

  get isDrawing(): boolean {
    return this.#draw.getModeState() === 'drawing';
  }

  get canUndo(): boolean {
    return this.#draw.canUndo();
  }

  get canRedo(): boolean {
    return this.#draw.canRedo();
  }

  undo(): void {
    this.#draw.undo();
    this.#afterHistory();
  }

  redo(): void {
    this.#draw.redo();
    this.#afterHistory();
  }

  setSnapping(isSnapping: boolean): void {
    this.#isSnapping = isSnapping;
  }

  /** Takes the tool off the map. */
  stop(): void {
    this.#draw.stop();
  }

  #hold(id: string | number): void {
    this.#draw.setMode('select');
    this.#draw.selectFeature(id);
  }

  /** Undoing the whole area leaves the pen down for a new line; redoing it makes its corners movable again. */
  #afterHistory(): void {
    const found = this.#found();
    if (this.#draw.getMode() === 'select') {
      if (!found) this.#draw.setMode('polygon');
      this.#events.onstep(this.area());
    } else if (found?.id !== undefined && !this.isDrawing) {
      this.#hold(found.id);
      this.#events.onstep(this.area());
    } else {
      this.#events.onmove(this.area());
    }
  }

  #found(): GeoJSONStoreFeatures | undefined {
    return this.#draw
      .getSnapshot()
      .find(({ geometry, properties }) => geometry.type === 'Polygon' && properties.mode === 'polygon');
  }
}
