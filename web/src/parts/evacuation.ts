/** What is told of a household: which questions each state asks, and the call that says it. */
import type { Evacuee, EvacuationCall } from '../api/types';
import { uuidV7 } from '../api/uuid';
import { fromLocal, toLocal } from './times';

export type Told = EvacuationCall['state'];

/** What whoever stands at the door says, in the order of the chain. */
export const AT_THE_DOOR: readonly Told[] = [
  'notified',
  'moving',
  'sheltered',
  'with_relatives',
  'refused',
  'unreachable',
];
export const AT_THE_DESK: readonly Told[] = [...AT_THE_DOOR, 'return_authorised', 'returned'];
export const CHANNELS = ['visit', 'loudspeaker', 'phone', 'sms', 'radio', 'siren', 'app', 'other'] as const;

const VISIT_AGAIN_MS = 3_600_000;

/** A report being written. Times are those of the form, local. */
export interface Writing {
  state: Told;
  people: number | null;
  channel: (typeof CHANNELS)[number];
  escort: string;
  shelter_id: string;
  place: string;
  reason: string;
  nextVisit: string;
  tries: number;
  authority: string;
  inspection: string;
  /** Who was heard by radio or phone; empty where one saw it. */
  heard: string;
  heardBy: 'radio' | 'phone';
  /** One for all attempts: however often it is sent, it is told once. */
  key: string;
}

/** A report with what is most likely filled in: all who are inside, the shelter they are assigned to, again in an hour. */
export function writing(state: Told, of: Evacuee, now_ms: number): Writing {
  const isReturn = state === 'returned' || state === 'return_authorised';
  return {
    state,
    people: isReturn ? of.members : of.still_inside || of.members,
    channel: 'visit',
    escort: '',
    shelter_id: of.shelter_id ?? '',
    place: '',
    reason: '',
    nextVisit: toLocal(now_ms + VISIT_AGAIN_MS),
    tries: 1,
    authority: '',
    inspection: '',
    heard: '',
    heardBy: 'radio',
    key: uuidV7(),
  };
}

/** States in which people are counted, since they leave or arrive. */
export const isCounted = (state: Told): boolean => ['moving', 'sheltered', 'with_relatives'].includes(state);

/** The call that says what was written, true at `now_ms`; whoever leaves is escorted by `unit_id`, if one is given. */
export function callOf(told: Writing, now_ms: number, unit_id: string | null = null): EvacuationCall {
  const call: EvacuationCall = { state: told.state, at: new Date(now_ms).toISOString() };
  if (isCounted(told.state) || told.state === 'refused' || told.state === 'unreachable')
    call.people = told.people;
  if (told.heard.trim()) Object.assign(call, { source: told.heardBy, told_by: told.heard.trim() });
  switch (told.state) {
    case 'notified':
      call.channel = told.channel;
      break;
    case 'moving':
      if (unit_id) call.unit_id = unit_id;
      else call.escort = told.escort.trim();
      break;
    case 'sheltered':
      call.shelter_id = told.shelter_id;
      break;
    case 'with_relatives':
      call.place = told.place.trim();
      break;
    case 'refused': {
      call.reason = told.reason.trim();
      const next_ms = fromLocal(told.nextVisit);
      if (next_ms !== null) call.next_visit_at = new Date(next_ms).toISOString();
      break;
    }
    case 'unreachable':
      call.tries = told.tries;
      break;
    case 'return_authorised':
      call.authority = told.authority.trim();
      call.inspection_ref = told.inspection.trim();
      break;
  }
  return call;
}
