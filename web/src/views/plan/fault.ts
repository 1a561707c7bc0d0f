/** Where in the drawn line a fault lies, from what the server said about it. */
import type { Point, Position } from 'geojson';
import type { Problem } from '../../api/problem';
import type { Area } from '../../api/types';

/** The crossing that the server names, or the corner to which its pointer leads; `null` for other problems. */
export function faultPlace(problem: Problem | null, area: Area | null): Point | null {
  if (!problem) return null;
  const { crossing } = problem.extra;
  if (isPosition(crossing)) return { type: 'Point', coordinates: crossing };
  const path = /^\/geometry\/coordinates((?:\/\d+)+)$/.exec(problem.at ?? '')?.[1];
  if (!path || !area) return null;
  let found: unknown = area.coordinates;
  for (const step of path.split('/').slice(1)) {
    if (!Array.isArray(found) || isPosition(found)) break;
    found = (found as unknown[])[Number(step)];
  }
  return isPosition(found) ? { type: 'Point', coordinates: found } : null;
}

const isPosition = (value: unknown): value is Position =>
  Array.isArray(value) && value.length >= 2 && value.every((part) => typeof part === 'number');
