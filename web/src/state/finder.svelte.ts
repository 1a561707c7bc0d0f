/** Where a search result leads: the view with the map registers how it goes to a place. */
import type { Box } from '../map/geo';

export interface Target {
  lon: number;
  lat: number;
  box: Box | null;
  accuracy_m: number | null;
  label: string;
}

class Finder {
  /** Set by the page's map. */
  go: ((target: Target) => void) | null = $state(null);
  /** Moves the focus to the search box; set by the box. */
  focus: (() => void) | null = null;
}

export const finder = new Finder();
