/** What the forces have to do with each other: requests, decisions, plans, in the order in which they are looked at. */
import type { Feature, Force } from '../../api/types';

export const FORCES = ['police', 'military', 'border_guard', 'civil'] as const;
export const LEVELS = ['province', 'commune', 'sector'] as const;

export type InformationRequest = Feature<{
  from_force: Force;
  to_force: Force;
  question: string;
  purpose: string;
  asked_by: string;
  asked_at: string;
  due_at: string;
  state: 'asked' | 'answered' | 'declined' | 'withdrawn';
  reply?: string;
  replied_by?: string;
  replied_at?: string;
  withdraw_reason?: string;
  withdrawn_at?: string;
}>;

export type Briefing = Feature<{
  held_at: string;
  level: (typeof LEVELS)[number];
  forces: Force[];
  lead_force?: Force;
  chaired_by?: string;
  place_text?: string;
  summary?: string;
}>;

export type Decision = Feature<{
  briefing_id: string;
  text: string;
  force: Force;
  owner?: string;
  due_at: string;
  state: 'open' | 'done' | 'dropped';
  result?: string;
  closed_by?: string;
  closed_at?: string;
}>;

export interface Post {
  name: string;
  force: Force;
  persons?: number;
  place?: string;
}

export type EventPlan = Feature<{
  name: string;
  starts_at: string;
  finishes_at: string;
  lead_force: Force;
  posts?: Post[];
  checklist?: { text: string; done_at?: string; done_by?: string }[];
  document_no?: string;
  place_text?: string;
  state: 'draft' | 'issued' | 'done' | 'cancelled';
  result?: string;
  note?: string;
}>;

/** How much later than due, ms; 0 where it is not late. */
export function late_ms(due_at: string, closed_at: string | undefined, now_ms: number): number {
  return Math.max(0, (closed_at ? Date.parse(closed_at) : now_ms) - Date.parse(due_at));
}

/** Whether it waits for an answer of this force. */
export const waitsFor = ({ properties }: InformationRequest, force: Force | null): boolean =>
  force !== null && properties.state === 'asked' && properties.to_force === force;

/** What waits for `force` first and what is due first in it, then what others are to answer, then what is over, newest first. */
export function inOrder(requests: readonly InformationRequest[], force: Force | null): InformationRequest[] {
  const rank = (one: InformationRequest) =>
    waitsFor(one, force) ? 0 : one.properties.state === 'asked' ? 1 : 2;
  const ended = ({ properties }: InformationRequest) =>
    properties.replied_at ?? properties.withdrawn_at ?? properties.asked_at;
  return requests.toSorted((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    if (left !== right) return left - right;
    return left === 2
      ? ended(b).localeCompare(ended(a))
      : a.properties.due_at.localeCompare(b.properties.due_at);
  });
}

/** Open decisions by when they are due, then what is over, newest first. */
export function byDue(decisions: readonly Decision[]): Decision[] {
  const isOpen = ({ properties }: Decision) => properties.state === 'open';
  return decisions.toSorted((a, b) => {
    if (isOpen(a) !== isOpen(b)) return isOpen(a) ? -1 : 1;
    return isOpen(a)
      ? a.properties.due_at.localeCompare(b.properties.due_at)
      : (b.properties.closed_at ?? '').localeCompare(a.properties.closed_at ?? '');
  });
}

/** A briefing with its decisions. */
export interface Held {
  briefing: Briefing;
  decisions: Decision[];
}

/** Briefings, the newest first, each with its decisions by when they are due. */
export function held(briefings: readonly Briefing[], decisions: readonly Decision[]): Held[] {
  const of = (id: string) => byDue(decisions.filter(({ properties }) => properties.briefing_id === id));
  return briefings
    .toSorted((a, b) => b.properties.held_at.localeCompare(a.properties.held_at))
    .map((briefing) => ({ briefing, decisions: of(briefing.id) }));
}

export const isOver = ({ properties }: EventPlan): boolean =>
  properties.state === 'done' || properties.state === 'cancelled';

/** Whether this force says how a plan goes on: the one that leads, and the joint room. */
export const leads = ({ properties }: EventPlan, force: Force | null): boolean =>
  force === null || force === properties.lead_force;

/** Plans: those that are not over first, by when they begin; then the others, newest first. */
export function plansInOrder(plans: readonly EventPlan[]): EventPlan[] {
  return plans.toSorted((a, b) => {
    if (isOver(a) !== isOver(b)) return isOver(a) ? 1 : -1;
    const order = a.properties.starts_at.localeCompare(b.properties.starts_at);
    return isOver(a) ? -order : order;
  });
}

/** One post a line: `name; force; persons; place`, the force by its word on screen or in records. */
export function posts(text: string, words: Record<Force, string>): Post[] {
  const force = (word: string) =>
    FORCES.find((one) => one === word || words[one].toLowerCase() === word.toLowerCase());
  return lines(text).map((line) => {
    const [name = '', of = '', persons = '', place = ''] = line.split(';').map((part) => part.trim());
    const known = force(of);
    if (!known) throw new RangeError(line);
    const count = Number.parseInt(persons, 10);
    return {
      name,
      force: known,
      ...(Number.isNaN(count) ? {} : { persons: count }),
      ...(place ? { place } : {}),
    };
  });
}

export const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);

/** A ring of 32 corners about a place, degrees; what a plan covers where nobody draws it. */
export function circle(lon: number, lat: number, radius_m: number): [number, number][] {
  const perDegree_m = 111_320;
  const corner = (n: number): [number, number] => {
    const angle = (n / 32) * 2 * Math.PI;
    return [
      lon + (radius_m * Math.cos(angle)) / (perDegree_m * Math.cos((lat * Math.PI) / 180)),
      lat + (radius_m * Math.sin(angle)) / perDegree_m,
    ];
  };
  const ring = Array.from({ length: 32 }, (_, n) => corner(n));
  return [...ring, corner(0)];
}
