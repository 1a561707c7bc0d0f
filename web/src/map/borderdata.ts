/** What the map draws of the border: each sector as its line, by the level in force. Pure. */
import type { SectorStanding } from '../api/types';
import type { SectorLine } from '../state/border.svelte';
import { nothing, type Drawn } from './livedata';

/** Sectors with their level (`none` where nobody assessed them) and what is written along them. */
export function drawSectors(
  sectors: readonly SectorStanding[],
  lines: ReadonlyMap<string, SectorLine>,
  label: (sector: SectorStanding) => string,
): Drawn {
  const features = sectors.flatMap((sector) => {
    const geometry = lines.get(sector.sector_id)?.geometry;
    if (!geometry) return [];
    const level = sector.in_force?.level ?? 'none';
    const properties = {
      id: sector.sector_id,
      level,
      isWaiting: sector.waiting !== null,
      label: label(sector),
    };
    return [{ type: 'Feature' as const, geometry, properties }];
  });
  return features.length === 0 ? nothing : { type: 'FeatureCollection', features };
}
