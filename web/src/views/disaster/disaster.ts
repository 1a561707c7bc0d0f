/** What the pages of a disaster work out by themselves: which deadline is mine and next, and damage as it is typed. */
import type { DisasterDraft, DisastersDue, ReportDue } from '../../api/types';

const MINUTE_MS = 60_000;
/** How long before a deadline the bar begins to count down loudly. */
export const LOUD_MS = 60 * MINUTE_MS;

export type DraftKind = ReportDue['kind'];

/** A report that whoever looks has to send. */
export interface Mine {
  event_id: string;
  event: string;
  level: 'commune' | 'province';
  commune_code: string | null;
  kind: DraftKind;
  due_at: string;
  is_late: boolean;
}

/** What whoever looks has to send: what is late first, then what comes next. */
export function mineOf(due: DisastersDue | null): Mine[] {
  const found: Mine[] = [];
  for (const { event, levels } of due?.events ?? []) {
    for (const { level, reporters } of levels) {
      if (level === 'district') continue;
      for (const { commune_code, is_mine, next, late } of reporters) {
        if (!is_mine) continue;
        const of = { event_id: event.id, event: event.name, level, commune_code };
        for (const { kind, due_at } of late) found.push({ ...of, kind, due_at, is_late: true });
        if (next) found.push({ ...of, kind: next.kind, due_at: next.due_at, is_late: false });
      }
    }
  }
  return found.sort((a, b) => Date.parse(a.due_at) - Date.parse(b.due_at));
}

/** How a deadline stands: far off, near enough to be told loudly, or over. */
export function nearness(due_at: string, now_ms: number): 'quiet' | 'near' | 'late' {
  const left_ms = Date.parse(due_at) - now_ms;
  if (left_ms < 0) return 'late';
  return left_ms <= LOUD_MS ? 'near' : 'quiet';
}

/** `02:05:09` or `12:09`, of a time that is left; `0:00` for none. */
export function countdown(left_ms: number): string {
  const seconds = Math.max(0, Math.floor(left_ms / 1000));
  const pair = (n: number) => String(n).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return hours > 0 ? `${hours}:${pair(minutes)}:${pair(rest)}` : `${minutes}:${pair(rest)}`;
}

/** Damage as the form holds it: what is empty was not told. */
export type TypedDamage = Record<string, Record<string, number | string | null>>;

/** The form as it begins: the damage of the draft, which is what was sent last, or the sum of the communes. */
export function typedOf(draft: DisasterDraft): TypedDamage {
  return Object.fromEntries(
    draft.damage.map((group) => [
      group.id,
      { ...Object.fromEntries(group.items.map((item) => [item.id, item.value])), note: group.note ?? '' },
    ]),
  );
}

/** The body of the call: what was told, and nothing else. */
export function damageOf(typed: TypedDamage): Record<string, Record<string, number | string>> {
  const groups: Record<string, Record<string, number | string>> = {};
  for (const [group, items] of Object.entries(typed)) {
    for (const [id, value] of Object.entries(items)) {
      const told = typeof value === 'string' ? value.trim() : value;
      if (told !== null && told !== undefined && told !== '') (groups[group] ??= {})[id] = told;
    }
  }
  return groups;
}

/** What the form differs by from the report before; `null` where one of them says nothing. */
export function differenceOf(
  value: number | string | null | undefined,
  previous: number | null,
): number | null {
  return typeof value === 'number' && previous !== null ? Math.round((value - previous) * 1000) / 1000 : null;
}
