/** Who holds the pen: loads the tool when it is wanted, joins it with draft and counter, follows changes of look. */
import type { Polygon } from 'geojson';
import type { MapController } from '../../map/controller';
import { palettes } from '../../map/palettes';
import { settings } from '../../state/settings.svelte';
import { counter } from './counter.svelte';
import { draft } from './draft.svelte';
import type { Pen } from './pen';

class Drawing {
  /** `drawing`: the line is open; `shaping`: corners of a closed area can be moved. */
  tool = $state<'idle' | 'loading' | 'drawing' | 'shaping'>('idle');
  canUndo = $state(false);
  canRedo = $state(false);
  isSnapping = $state(true);
  /** True when the area of the draft has holes or several parts: its corners stay as they are. */
  isTooRich = $state(false);
  #pen: Pen | null = null;
  #controller: MapController | null = null;
  #leaveStyle: (() => void) | null = null;

  attach(controller: MapController): () => void {
    this.#controller = controller;
    return () => {
      this.stop();
      this.#controller = null;
    };
  }

  /** Starts a new area. */
  async begin(): Promise<void> {
    draft.setGeometry(null);
    counter.clear();
    const pen = await this.#load();
    if (!pen) return;
    pen.begin();
    this.tool = 'drawing';
    this.#read();
  }

  /** Makes the corners of the draft's area movable. */
  async shape(): Promise<void> {
    const area = draft.geometry;
    if (!area) return;
    counter.count(area);
    this.isTooRich = area.type !== 'Polygon' || area.coordinates.length > 1;
    if (this.isTooRich) {
      this.stop();
      return;
    }
    const pen = await this.#load();
    if (!pen) return;
    this.isTooRich = !pen.take(area as Polygon);
    this.tool = this.isTooRich ? 'idle' : 'shaping';
    this.#read();
  }

  undo(): void {
    this.#pen?.undo();
    this.#read();
  }

  redo(): void {
    this.#pen?.redo();
    this.#read();
  }

  setSnapping(isSnapping: boolean): void {
    this.isSnapping = isSnapping;
    this.#pen?.setSnapping(isSnapping);
  }

  /** Puts the pen away; the draft keeps its area. */
  stop(): void {
    this.#leaveStyle?.();
    this.#leaveStyle = null;
    try {
      this.#pen?.stop();
    } catch {
      // A change of look took the tool's layers with it; there is nothing left to take off.
    }
    this.#pen = null;
    this.tool = 'idle';
    this.#read();
  }

  async #load(): Promise<Pen | null> {
    const controller = this.#controller;
    if (!controller) return null;
    if (this.#pen) return this.#pen;
    this.tool = 'loading';
    const { Pen } = await import('./pen');
    if (this.#controller !== controller) return null;
    this.#pen ??= new Pen(controller.map, palettes[settings.theme], {
      onmove: (area) => this.#moved(area),
      onstep: (area) => this.#stepped(area),
    });
    this.#pen.setSnapping(this.isSnapping);
    let isFirst = true;
    this.#leaveStyle = controller.onStyle(() => {
      if (!isFirst) this.#again();
    });
    isFirst = false;
    return this.#pen;
  }

  /** A new style has none of the tool's layers: the tool is made anew with the area as it was. */
  #again(): void {
    const area = this.#pen?.area() ?? null;
    this.stop();
    if (area) draft.setGeometry(area);
    void (area ? this.shape() : this.begin());
  }

  #moved(area: Polygon | null): void {
    if (area) counter.count(area);
    else if (this.tool === 'drawing') counter.clear();
    this.#read();
  }

  #stepped(area: Polygon | null): void {
    draft.setGeometry(area);
    this.tool = area ? 'shaping' : 'drawing';
    if (area) counter.count(area);
    else counter.clear();
    this.#read();
  }

  #read(): void {
    this.canUndo = this.#pen?.canUndo ?? false;
    this.canRedo = this.#pen?.canRedo ?? false;
  }
}

export const drawing = new Drawing();
