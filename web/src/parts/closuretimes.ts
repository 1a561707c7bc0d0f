/** When a road closure holds, and posts as typed. Pure: the moment is an argument, Unix milliseconds. */
import type { RoadClosure } from '../api/types';

/** Start of a closure: said, or else when it was recorded. */
export function closedFrom_ms({ properties: { valid_from, recorded_at } }: RoadClosure): number {
  return Date.parse(valid_from ?? recorded_at);
}

/** Whether it holds at a moment: start included, end excluded. */
export function holds(closure: RoadClosure, at_ms: number): boolean {
  return closedFrom_ms(closure) <= at_ms && !isPast(closure, at_ms);
}

/** Whether its time is over, or somebody opened the road. */
export function isPast({ properties: { valid_to, ended_at } }: RoadClosure, at_ms: number): boolean {
  return ended_at !== undefined || (valid_to !== undefined && Date.parse(valid_to) <= at_ms);
}

/** Slowed, not closed. */
export const isSlow = ({ properties }: RoadClosure): boolean => properties.speed_factor !== undefined;

/** Kilometres of a post as people write it: `46,3`, `46.3`, `46+300`, `Km46+300`; `null` if it is none. */
export function postOf(text: string): number | null {
  const found = /^(?:km)?\s*(\d{1,4})(?:\+(\d{1,3})|[.,](\d{1,3}))?$/i.exec(text.trim());
  if (!found) return null;
  const metres = found[2] === undefined ? 0 : Number(found[2]) / 1000;
  return Number(found[1]) + (found[3] === undefined ? metres : Number(`0.${found[3]}`));
}
