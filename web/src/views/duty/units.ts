/** What a unit's status means for the duty room (domain: availability). */
import type { Unit, UnitStatus } from '../../api/types';
import { markOf } from '../../map/symbols';

const AVAILABLE: ReadonlySet<UnitStatus> = new Set(['available', 'on_patrol', 'returning']);

export const isAvailable = (unit: Unit): boolean => AVAILABLE.has(unit.properties.status);
export const isMoving = (unit: Unit): boolean => markOf(unit.properties.status) === 'moving';
export const isOnScene = (unit: Unit): boolean => markOf(unit.properties.status) === 'on_scene';

/** In the order in which an officer picks from the list. */
export const STATUSES: readonly UnitStatus[] = [
  'available',
  'on_patrol',
  'dispatched',
  'acknowledged',
  'en_route',
  'on_scene',
  'searching',
  'transporting',
  'staging',
  'returning',
  'resting',
  'off_duty',
  'out_of_service',
  'distress',
];

/** Distress first, then those at work, then those who can go, then the rest; by name within. */
export function byStatus(a: Unit, b: Unit): number {
  return rank(a) - rank(b) || a.properties.name.localeCompare(b.properties.name, 'vi');
}

function rank(unit: Unit): number {
  switch (markOf(unit.properties.status)) {
    case 'distress':
      return 0;
    case 'on_scene':
      return 1;
    case 'moving':
      return 2;
    case 'patrol':
    case 'ready':
      return 3;
    default:
      return 4;
  }
}
