/**
 * The symbol sheet, drawn once for map and lists. Frame says whose: police square, military circle, border guard
 * hexagon, civil triangle. The inner mark says what the unit does, the line how old its position is. Severity of an
 * incident is the weight of its diamond, never a digit: digits belong to the legal risk level. All shapes live in a
 * 22 by 22 box and stay readable at 16 px and in grey.
 */
import type { FixSource, Force, Severity, UnitStatus } from '../api/types';

export const FRAMES: Record<Force, string> = {
  border_guard: 'M11 1.6l8.4 4.7v9.4L11 20.4l-8.4-4.7V6.3z',
  police:
    'M4.4 2.6h13.2a1.8 1.8 0 0 1 1.8 1.8v13.2a1.8 1.8 0 0 1-1.8 1.8H4.4a1.8 1.8 0 0 1-1.8-1.8V4.4a1.8 1.8 0 0 1 1.8-1.8z',
  military: 'M11 2a9 9 0 1 1 0 18 9 9 0 0 1 0-18z',
  civil: 'M11 2.4l9.4 16.8H1.6z',
};

/** Middle of a frame's inside: a triangle's lies lower. */
export const MIDDLE_Y: Record<Force, number> = { border_guard: 11, police: 11, military: 11, civil: 13.2 };

export const DIAMOND = 'M11 1.6L20.4 11 11 20.4 1.6 11z';

/** A closed road's sign and its mark; a slow one's. */
export const CLOSED_SIGN = 'M7.2 1.8h7.6l5.4 5.4v7.6l-5.4 5.4H7.2l-5.4-5.4V7.2z';
export const CLOSED_MARK = 'M7.4 7.4l7.2 7.2M14.6 7.4l-7.2 7.2';
export const SLOW_SIGN = 'M1.8 3h18.4L11 19.6z';
/** Who is cut off: a ring of two halves around a dot. */
export const CUT_OFF_RING = 'M4.5 17.5a9 9 0 0 1 0-13M17.5 4.5a9 9 0 0 1 0 13';
export const CUT_OFF_DOT = 'M11 7a4 4 0 1 1 0 8 4 4 0 0 1 0-8z';
export const SLOW_MARK = 'M7.6 7.4h6.8';

/** What the unit does, as far as the symbol tells it. */
export type Mark = 'ready' | 'patrol' | 'moving' | 'on_scene' | 'away' | 'distress';

const MARKS: Record<UnitStatus, Mark> = {
  available: 'ready',
  on_patrol: 'patrol',
  dispatched: 'moving',
  acknowledged: 'moving',
  en_route: 'moving',
  transporting: 'moving',
  returning: 'moving',
  on_scene: 'on_scene',
  searching: 'on_scene',
  staging: 'on_scene',
  resting: 'away',
  off_duty: 'away',
  out_of_service: 'away',
  distress: 'distress',
};

export function markOf(status: UnitStatus): Mark {
  return MARKS[status] ?? 'away';
}

/** Age of a position, as the symbol tells it; `post`: no fix, the unit counts at its post. */
export type FixAge = 'fresh' | 'fading' | 'outline' | 'old' | 'post';

const MINUTE_MS = 60_000;
export const FRESH_MS = 2 * MINUTE_MS;
export const FADING_MS = 10 * MINUTE_MS;
export const OUTLINE_MS = 30 * MINUTE_MS;

export function fixAge(fix_at: string | undefined, source: FixSource | undefined, now_ms: number): FixAge {
  if (!fix_at || source === 'post') return 'post';
  const age_ms = now_ms - Date.parse(fix_at);
  if (age_ms < FRESH_MS) return 'fresh';
  if (age_ms < FADING_MS) return 'fading';
  return age_ms < OUTLINE_MS ? 'outline' : 'old';
}

/** How a unit's symbol is drawn; colours are names of palette entries. */
export interface UnitLook {
  fill: 'unitFill' | 'unitHollow' | 'unitOnScene' | 'alarm' | null;
  edge: 'unitEdge' | 'unitFill' | 'unitOld' | 'unitOnSceneEdge' | 'alarm';
  edgeWidth: number;
  isDashed: boolean;
  opacity: number;
  inner: 'dot' | 'ring' | 'bar' | 'slash' | 'mark' | null;
  innerColour: 'unitFill' | 'unitHollow' | 'unitOnScene' | 'unitOld' | 'unitOnSceneEdge';
}

const INNER: Record<Mark, UnitLook['inner']> = {
  ready: null,
  patrol: 'ring',
  moving: 'dot',
  on_scene: 'bar',
  away: 'slash',
  distress: 'mark',
};

export function unitLook(mark: Mark, age: FixAge): UnitLook {
  const inner = INNER[mark];
  if (age === 'outline' || age === 'old') {
    const edge = mark === 'distress' ? 'alarm' : age === 'old' ? 'unitOld' : 'unitFill';
    const innerColour = age === 'old' ? 'unitOld' : 'unitFill';
    return { fill: 'unitHollow', edge, edgeWidth: 1.8, isDashed: true, opacity: 1, inner, innerColour };
  }
  const opacity = age === 'fading' ? 0.78 : 1;
  const solid = { edgeWidth: 1.5, isDashed: false, opacity, inner };
  switch (mark) {
    case 'distress':
      return { ...solid, fill: 'alarm', edge: 'unitEdge', innerColour: 'unitOnScene' };
    case 'moving':
      return { ...solid, fill: 'unitHollow', edge: 'unitFill', edgeWidth: 2.4, innerColour: 'unitFill' };
    case 'on_scene':
      return { ...solid, fill: 'unitOnScene', edge: 'unitOnSceneEdge', innerColour: 'unitOnSceneEdge' };
    case 'away':
      return { ...solid, fill: 'unitHollow', edge: 'unitOld', innerColour: 'unitOld' };
    default:
      return { ...solid, fill: 'unitFill', edge: 'unitEdge', innerColour: 'unitHollow' };
  }
}

/** Path of an inner mark around (11, y), and whether it is filled or stroked. */
export function innerPath(
  inner: NonNullable<UnitLook['inner']>,
  y: number,
): { path: string; isStroke: boolean } {
  switch (inner) {
    case 'dot':
      return { path: `M11 ${y - 3}a3 3 0 1 1 0 6 3 3 0 0 1 0-6z`, isStroke: false };
    case 'ring':
      return { path: `M11 ${y - 3}a3 3 0 1 1 0 6 3 3 0 0 1 0-6z`, isStroke: true };
    case 'bar':
      return { path: `M7.4 ${y}h7.2`, isStroke: true };
    case 'slash':
      return { path: `M7.6 ${y + 3.4}l6.8-6.8`, isStroke: true };
    case 'mark':
      return { path: `M11 ${y - 4.6}v5.4M11 ${y + 3.4}v1.4`, isStroke: true };
  }
}

/** How an incident's diamond is drawn. A grave one that nobody took has the alarm's edge. */
export interface SeverityLook {
  fill: 'sevGround' | 'sevStrong';
  edge: 'sevStrong' | 'sevMiddle' | 'sevWeak' | 'alarm';
  edgeWidth: number;
  isDashed: boolean;
  hasInner: boolean;
}

export function severityLook(severity: Severity | null | undefined, isAlarm: boolean): SeverityLook {
  const plain = { fill: 'sevGround', isDashed: false, hasInner: false } as const;
  switch (severity) {
    case 4:
      return isAlarm
        ? { fill: 'sevStrong', edge: 'alarm', edgeWidth: 3.2, isDashed: false, hasInner: false }
        : { ...plain, edge: 'sevStrong', edgeWidth: 2, hasInner: true };
    case 3:
      return { ...plain, edge: 'sevStrong', edgeWidth: 3.4 };
    case 2:
      return { ...plain, edge: 'sevMiddle', edgeWidth: 1.8 };
    case 1:
      return { ...plain, edge: 'sevWeak', edgeWidth: 1.4 };
    default:
      return { ...plain, edge: 'sevMiddle', edgeWidth: 1.4, isDashed: true };
  }
}

/** Filled core of a grave incident that was taken. */
export const DIAMOND_CORE = 'M11 6L16 11 11 16 6 11z';
