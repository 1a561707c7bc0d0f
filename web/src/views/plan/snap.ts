/** Pulls the pen to what is drawn already: edges of zones, the border, rivers, roads, commune lines. */
import type { Geometry, Position } from 'geojson';
import type { Map as MapLibre } from 'maplibre-gl';

/** Within so many pixels of a line the pen goes onto it; a corner pulls from a little farther. */
const LINE_PX = 9;
const CORNER_PX = 13;
const SOURCES = new Set(['live-zones', 'border_sectors', 'rivers', 'roads', 'admin_units']);
const DECIMALS = 7;

interface Spot {
  x: number;
  y: number;
}

/** The place to which the pen snaps at a pixel of the map, or `undefined` where nothing is near. */
export function snapTo(map: MapLibre, at: Spot): Position | undefined {
  const box: [[number, number], [number, number]] = [
    [at.x - CORNER_PX, at.y - CORNER_PX],
    [at.x + CORNER_PX, at.y + CORNER_PX],
  ];
  const layers = map
    .getStyle()
    .layers.filter((layer) => layer.type === 'line' && SOURCES.has(layer.source))
    .map((layer) => layer.id);
  let corner: { spot: Spot; off: number } | null = null;
  let edge: { spot: Spot; off: number } | null = null;
  for (const { geometry } of map.queryRenderedFeatures(box, { layers })) {
    for (const line of linesOf(geometry)) {
      const spots = line.map(([lon = 0, lat = 0]) => map.project([lon, lat]));
      for (const [index, spot] of spots.entries()) {
        const off = Math.hypot(spot.x - at.x, spot.y - at.y);
        if (off < CORNER_PX && off < (corner?.off ?? Infinity)) corner = { spot, off };
        const next = spots[index + 1];
        if (!next) continue;
        const foot = footOn(spot, next, at);
        const away = Math.hypot(foot.x - at.x, foot.y - at.y);
        if (away < LINE_PX && away < (edge?.off ?? Infinity)) edge = { spot: foot, off: away };
      }
    }
  }
  const found = corner ?? edge;
  if (!found) return undefined;
  const { lng, lat } = map.unproject([found.spot.x, found.spot.y]);
  return [Number(lng.toFixed(DECIMALS)), Number(lat.toFixed(DECIMALS))];
}

/** The point of the piece from `a` to `b` that lies nearest to `at`, in pixels. */
export function footOn(a: Spot, b: Spot, at: Spot): Spot {
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const length2 = dx * dx + dy * dy;
  const share = length2 === 0 ? 0 : ((at.x - a.x) * dx + (at.y - a.y) * dy) / length2;
  const clamped = Math.max(0, Math.min(1, share));
  return { x: a.x + clamped * dx, y: a.y + clamped * dy };
}

function linesOf(geometry: Geometry): Position[][] {
  switch (geometry.type) {
    case 'LineString':
      return [geometry.coordinates];
    case 'MultiLineString':
    case 'Polygon':
      return geometry.coordinates;
    case 'MultiPolygon':
      return geometry.coordinates.flat();
    default:
      return [];
  }
}
