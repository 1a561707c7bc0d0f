/** Which collections the map shows. Kept on the device. */
import type { MapController } from '../../map/controller';

export const LAYERS = [
  'risk_zones',
  'households',
  'shelters',
  'incidents',
  'units',
  'stations',
  'border_sectors',
  'areas_of_concern',
  'event_plans',
  'roads',
  'rivers',
  'places',
  'admin_units',
] as const;
export type LayerName = (typeof LAYERS)[number];

/** Sources of the style that show a collection. */
const SOURCES: Record<LayerName, readonly string[]> = {
  risk_zones: ['live-zones', 'live-zone-names'],
  households: ['households'],
  shelters: ['live-shelters'],
  incidents: ['live-incidents', 'live-hatched'],
  units: ['live-units', 'live-links'],
  stations: ['stations'],
  border_sectors: ['border_sectors', 'live-border'],
  areas_of_concern: ['live-concerns'],
  event_plans: ['live-events'],
  roads: ['roads'],
  rivers: ['rivers'],
  places: ['places'],
  admin_units: ['live-communes'],
};
/** Lines of communes; their ground stays, or the map would be empty. */
const COMMUNE_LINES = 'admin_units';
const STORE = 'trucban.plan.hidden';

function remembered(): LayerName[] {
  try {
    const names: unknown = JSON.parse(localStorage.getItem(STORE) ?? '[]');
    return Array.isArray(names) ? LAYERS.filter((name) => names.includes(name)) : [];
  } catch {
    return [];
  }
}

class Layers {
  hidden = $state.raw<readonly LayerName[]>(remembered());

  isShown(name: LayerName): boolean {
    return !this.hidden.includes(name);
  }

  toggle(name: LayerName): void {
    this.hidden = this.isShown(name) ? [...this.hidden, name] : this.hidden.filter((other) => other !== name);
    try {
      localStorage.setItem(STORE, JSON.stringify(this.hidden));
    } catch {
      // The choice then holds until the page is closed.
    }
  }

  /** Shows and hides the layers of the present style. */
  apply({ map }: MapController): void {
    for (const layer of map.getStyle().layers) {
      if (!('source' in layer)) continue;
      const name = LAYERS.find((candidate) => SOURCES[candidate].includes(layer.source));
      const isCommuneLine = layer.source === COMMUNE_LINES && layer.type === 'line';
      const owner = name ?? (isCommuneLine ? COMMUNE_LINES : undefined);
      if (!owner) continue;
      map.setLayoutProperty(layer.id, 'visibility', this.isShown(owner) ? 'visible' : 'none');
    }
  }
}

export const layers = new Layers();
