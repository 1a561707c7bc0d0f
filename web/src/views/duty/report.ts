/** From a half-typed report to a request, and what happens to the draft after it. */
import { change, incidents, type ReportBody } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type { Incident, Place } from '../../api/types';
import { pointOf } from '../../parts/place';
import type { Draft, DraftFields } from '../../state/drafts.svelte';

/** The province's clock: UTC+7, without summer time. */
const OFFSET_MS = 7 * 3_600_000;
const DAY_MS = 86_400_000;
/** A time of day so far ahead of now is yesterday's. */
const AHEAD_MS = 5 * 60_000;

export type Incomplete = 'needKind' | 'needPlace' | 'badTime';

/** The request for a draft, or what is still missing. */
export function reportBody(fields: DraftFields, now_ms: number): ReportBody | Incomplete {
  if (fields.kind === '') return 'needKind';
  const place = placeOf(fields);
  if (!place) return 'needPlace';
  const body: ReportBody = { kind: fields.kind, place, channel: 'phone' };
  if (fields.place_text.trim()) body.place_text = fields.place_text.trim();
  if (fields.place && 'lon' in place) body.located_by = fields.place.located_by;
  if (fields.severity) body.severity = fields.severity;
  if (fields.description.trim()) body.description = fields.description.trim();
  if (fields.phone.trim()) body.reporter_phone = fields.phone.trim();
  if (fields.name.trim()) body.reporter_name = fields.name.trim();
  if (fields.occurred_at.trim()) {
    const occurred_at = timeOfDay(fields.occurred_at, now_ms);
    if (!occurred_at) return 'badTime';
    body.occurred_at = occurred_at;
  }
  return body;
}

/** Places of which the words say more than the point: road and kilometre, from where and how far. */
const SAID_BEST: ReadonlySet<string> = new Set(['road_ref', 'bearing']);

function placeOf({ place, place_text }: DraftFields): Place | null {
  if (place?.commune_code) return { commune_code: place.commune_code };
  if (place && SAID_BEST.has(place.located_by) && place.said !== '') return { text: place.said };
  if (place) return pointOf(place);
  return place_text.trim() === '' ? null : { text: place_text.trim() };
}

/** What a time field takes: 02:14, 2h14, 0214. */
export const TIME_PATTERN = '([01]?[0-9]|2[0-3])[:hg.]?[0-5][0-9]';

/** A time of day of the province's clock as the last such moment before now, in UTC; `null` if it is none. */
export function timeOfDay(text: string, now_ms: number): string | null {
  const found = /^(\d{1,2}?)[:hg.]?(\d{2})$/.exec(text.trim());
  if (!found) return null;
  if (Number(found[1]) > 23 || Number(found[2]) > 59) return null;
  const midnight_ms = Math.floor((now_ms + OFFSET_MS) / DAY_MS) * DAY_MS - OFFSET_MS;
  let at_ms = midnight_ms + (Number(found[1]) * 60 + Number(found[2])) * 60_000;
  if (at_ms > now_ms + AHEAD_MS) at_ms -= DAY_MS;
  return new Date(at_ms).toISOString();
}

export interface Sent {
  incident: Incident;
  /** True when an earlier attempt had arrived and later edits were added to it. */
  wasThere: boolean;
}

/**
 * Sends a draft. An attempt whose outcome nobody knows is first repeated as it was: its key makes it happen once;
 * what was typed since is then added to the incident.
 *
 * @throws {Problem} the draft keeps `sent` when the outcome is unknown.
 */
export async function sendReport(draft: Draft, body: ReportBody): Promise<Sent> {
  const earlier = draft.sent;
  const first = earlier ?? body;
  try {
    const { data } = await incidents.report(first, draft.key);
    const edits = earlier ? editsSince(earlier, body) : {};
    if (Object.keys(edits).length === 0) return { incident: data.incident, wasThere: false };
    const { id, properties } = data.incident;
    const changed = await change<Incident>('incidents', id, properties.version, { properties: edits });
    return { incident: changed.data, wasThere: true };
  } catch (thrown) {
    const problem = Problem.from(thrown);
    draft.sent = problem.isUnknownOutcome ? first : null;
    throw problem;
  }
}

/** Fields that may be changed after the report, where they differ. */
export function editsSince(earlier: ReportBody, body: ReportBody): Partial<ReportBody> {
  const names = [
    'kind',
    'severity',
    'description',
    'occurred_at',
    'place_text',
    'reporter_phone',
    'reporter_name',
  ] as const;
  const changed = names.filter((name) => body[name] !== undefined && body[name] !== earlier[name]);
  return Object.fromEntries(changed.map((name) => [name, body[name]]));
}
