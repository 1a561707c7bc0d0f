/** Facts that figures are counted from, as they are typed by hand, and what becomes of them. */

export const SORTS = ['deployment', 'case', 'tally'] as const;
export type Sort = (typeof SORTS)[number];

export const PURPOSES = [
  'disaster',
  'search_rescue',
  'evacuation',
  'border',
  'security',
  'public_order',
  'exercise',
  'other',
] as const;
export const CASES = [
  'drugs',
  'illegal_crossing',
  'wanted_person_found',
  'human_trafficking',
  'unplanned_migration',
  'smuggling',
  'other',
] as const;
export const SUBSTANCES = ['heroin', 'opium', 'methamphetamine', 'ecstasy', 'cannabis', 'other'] as const;
export const COUNTED = ['tips', 'households_moved', 'awareness_sessions', 'joint_patrols'] as const;
export const CHANNELS = ['hotline', 'post', 'patrol', 'village_meeting', 'app', 'other'] as const;

/** One fact in the form; what does not belong to its sort is left out when it is sent. */
export interface Typed {
  sort: Sort;
  force: string;
  /** Local time, as the browser's field writes it: when they set out, when it was found, when it was. */
  at: string;
  /** Local time: when they were back, when it was handed over. */
  until: string;
  purpose: string;
  personnel: number | null;
  vehicles: number | null;
  kind: string;
  persons: number | null;
  substance: string;
  weight_g: number | null;
  handed_over_to: string;
  counted: string;
  count: number | null;
  people: number | null;
  valid: number | null;
  channel: string;
  /** What it was for, or about. */
  words: string;
  place: string;
  note: string;
}

export function blank(sort: Sort, force: string): Typed {
  return {
    sort,
    force,
    at: '',
    until: '',
    purpose: 'disaster',
    personnel: null,
    vehicles: null,
    kind: 'drugs',
    persons: null,
    substance: 'heroin',
    weight_g: null,
    handed_over_to: '',
    counted: 'tips',
    count: null,
    people: null,
    valid: null,
    channel: '',
    words: '',
    place: '',
    note: '',
  };
}

/** The instant of a local time of the province (UTC+7); `null` where there is none. */
export function instant(local: string): string | null {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(local) ? `${local.slice(0, 16)}:00+07:00` : null;
}

/** Collection and properties of the record that is made. */
export function record(typed: Typed): {
  collection: 'deployments' | 'cases' | 'tallies';
  properties: Record<string, unknown>;
} {
  const common = { force: typed.force, place_text: typed.place.trim(), note: typed.note.trim() };
  const [at, until, words] = [instant(typed.at), instant(typed.until), typed.words.trim()];
  switch (typed.sort) {
    case 'deployment':
      return {
        collection: 'deployments',
        properties: filled({
          ...common,
          purpose: typed.purpose,
          started_at: at,
          finished_at: until,
          personnel: typed.personnel,
          vehicles: typed.vehicles,
          task: words,
        }),
      };
    case 'case': {
      const isWeighed = typed.kind === 'drugs' && typed.weight_g !== null;
      return {
        collection: 'cases',
        properties: filled({
          ...common,
          kind: typed.kind,
          occurred_at: at,
          handed_over_at: until,
          handed_over_to: typed.handed_over_to.trim(),
          persons: typed.persons,
          substances: isWeighed ? [{ substance: typed.substance, weight_g: typed.weight_g }] : null,
          document_no: words,
        }),
      };
    }
    case 'tally': {
      const isTips = typed.counted === 'tips';
      return {
        collection: 'tallies',
        properties: filled({
          ...common,
          counted: typed.counted,
          occurred_at: at,
          count: typed.count,
          people: isTips ? null : typed.people,
          valid: isTips ? typed.valid : null,
          channel: isTips ? typed.channel : null,
          topic: words,
        }),
      };
    }
  }
}

function filled(properties: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== null && value !== ''));
}
