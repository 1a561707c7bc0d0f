/** What is selected, in list, map and detail at once. Selecting it again brings the former view back. */

export type SelectableCollection = 'incidents' | 'units' | 'risk_zones' | 'border_sectors';

export interface Selected {
  collection: SelectableCollection;
  id: string;
}

/** What the map does when the selection changes; the map registers itself. */
export interface Viewer {
  /** Remembers where the map stands and goes to the record. */
  show(selected: Selected): void;
  /** Goes back to where the map stood before the first `show`. */
  back(): void;
}

class Selection {
  current = $state<Selected | null>(null);
  #viewer: Viewer | null = null;
  /** Selected where there was no map: shown as soon as one is there. */
  #isWaiting = false;

  attach(viewer: Viewer): () => void {
    this.#viewer = viewer;
    if (this.#isWaiting && this.current) viewer.show(this.current);
    this.#isWaiting = false;
    return () => {
      if (this.#viewer === viewer) this.#viewer = null;
    };
  }

  is(collection: SelectableCollection, id: string): boolean {
    return this.current?.collection === collection && this.current.id === id;
  }

  /** Selects, or, if it is selected already, goes back to the former view. */
  toggle(collection: SelectableCollection, id: string, by: 'list' | 'map' = 'list'): void {
    if (this.is(collection, id)) this.clear();
    else this.select(collection, id, by);
  }

  /** Selects; the map goes there unless the click was on the map, where it is in view already. */
  select(collection: SelectableCollection, id: string, by: 'list' | 'map' = 'list'): void {
    if (this.is(collection, id)) return;
    this.current = { collection, id };
    if (by === 'list') this.#viewer?.show(this.current);
  }

  /** Selects from a page without a map; the map that comes next goes there. */
  open(collection: SelectableCollection, id: string): void {
    this.current = { collection, id };
    this.#isWaiting = true;
  }

  clear(): void {
    if (!this.current) return;
    this.current = null;
    this.#viewer?.back();
  }
}

export const selection = new Selection();
