/** When a zone holds. Pure: the moment is an argument. */
import type { Zone } from '../api/types';

export type Phase = 'now' | 'coming' | 'over';

/** States of a zone that nobody put in force yet, whatever its times say. */
const UNPUBLISHED: ReadonlySet<string> = new Set(['draft', 'proposed']);

/** Start of a zone, Unix milliseconds: said, or else when it was recorded. */
export function from_ms({ properties: { valid_from, recorded_at } }: Zone): number {
  return Date.parse(valid_from ?? recorded_at);
}

/** End of a zone: as planned, or earlier when somebody ended it. */
export function to_ms({ properties: { valid_to, ended_at } }: Zone): number {
  const planned = Date.parse(valid_to);
  return ended_at ? Math.min(planned, Date.parse(ended_at)) : planned;
}

/** Where a zone stands at a moment. Start included, end excluded. */
export function phaseAt(zone: Zone, at_ms: number): Phase {
  if (at_ms >= to_ms(zone)) return 'over';
  return at_ms < from_ms(zone) ? 'coming' : 'now';
}

export function isInForce(zone: Zone, at_ms: number): boolean {
  return phaseAt(zone, at_ms) === 'now' && !UNPUBLISHED.has(zone.properties.state ?? '');
}
