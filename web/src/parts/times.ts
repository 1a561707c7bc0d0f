/** Times as the fields of a form hold them. */

/** The province's clock: UTC+7, without summer time. */
const OFFSET_MS = 7 * 3_600_000;

/** `YYYY-MM-DDTHH:MM` of the province's clock, for a field of a form. */
export function toLocal(at_ms: number): string {
  return new Date(at_ms + OFFSET_MS).toISOString().slice(0, 16);
}

/** The moment of a form's field, Unix milliseconds; `null` when it is empty or not a time. */
export function fromLocal(text: string): number | null {
  if (!/^\d{4,}-\d\d-\d\dT\d\d:\d\d$/.test(text)) return null;
  const ms = Date.parse(`${text}:00Z`);
  return Number.isNaN(ms) ? null : ms - OFFSET_MS;
}
