/** When a zone holds. Pure: the moment is an argument. */
import type { Zone } from '../api/types';

/** `waiting`: a draft, or one that a second person has not put in force. */
export type Phase = 'now' | 'waiting' | 'coming' | 'over';

/** States of a zone that nobody put in force yet, whatever its times say. */
const WAITING: ReadonlySet<string> = new Set(['draft', 'proposed']);

/** Start of a zone, Unix milliseconds: said, or else when it was recorded. */
export function from_ms({ properties: { valid_from, recorded_at } }: Zone): number {
  return Date.parse(valid_from ?? recorded_at);
}

/** End of a zone: as planned, or earlier when somebody ended it. */
export function to_ms({ properties: { valid_to, ended_at } }: Zone): number {
  const planned = Date.parse(valid_to);
  return ended_at ? Math.min(planned, Date.parse(ended_at)) : planned;
}

/** Until when a zone holds on one person's word, where a second one has not agreed on screen. */
export function provisional_ms({ properties: { provisional_until, state } }: Zone): number | null {
  return provisional_until && !WAITING.has(state ?? '') ? Date.parse(provisional_until) : null;
}

/** Where a zone stands at a moment. Start included, end excluded. */
export function phaseAt(zone: Zone, at_ms: number): Phase {
  if (at_ms >= to_ms(zone)) return 'over';
  if (WAITING.has(zone.properties.state ?? '') || at_ms >= (provisional_ms(zone) ?? Infinity))
    return 'waiting';
  return at_ms < from_ms(zone) ? 'coming' : 'now';
}

export function isInForce(zone: Zone, at_ms: number): boolean {
  return phaseAt(zone, at_ms) === 'now';
}
