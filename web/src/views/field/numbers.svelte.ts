/** Whom to call in distress: the duty shift first, then the nearest posts and communes; kept on the device. */
import type { Position as Coordinates } from 'geojson';
import type { Contact } from '../../api/types';
import { roughDistance_m } from '../../map/geo';
import { clock } from '../../state/clock.svelte';
import { picture } from '../../state/picture.svelte';
import { keep, kept } from './store';

export interface NumberToCall {
  id: string;
  name: string;
  phone: string;
  distance_m: number | null;
}

const SHIFT_MAX = 2;
const NEAR_MAX = 3;
const NEAR_KINDS = new Set(['border_post', 'police', 'military', 'commune', 'clinic']);

let last = $state.raw<readonly Contact[]>([]);

export async function restoreNumbers(): Promise<void> {
  last = (await kept<Contact[]>('contacts'))?.value ?? [];
}

/** Keeps those with a number whenever the list was read. */
export function rememberNumbers(): void {
  const list = picture.contacts.list.filter(({ properties }) => properties.duty_phone);
  if (list.length > 0) void keep('contacts', clock.read_ms(), $state.snapshot(list));
}

export function numbersToCall(here: Coordinates | null): NumberToCall[] {
  const live = picture.contacts.list;
  const all = (live.length > 0 ? live : last).flatMap(({ id, geometry, properties }) => {
    if (!properties.duty_phone) return [];
    const distance_m = here && geometry ? roughDistance_m(here, geometry.coordinates) : null;
    return [{ id, name: properties.name, phone: properties.duty_phone, kind: properties.kind, distance_m }];
  });
  const shift = all.filter(({ kind }) => kind === 'duty_shift').slice(0, SHIFT_MAX);
  const near = all
    .filter(({ kind, distance_m }) => NEAR_KINDS.has(kind) && distance_m !== null)
    .sort((a, b) => (a.distance_m ?? 0) - (b.distance_m ?? 0))
    .slice(0, NEAR_MAX);
  return [...shift.map((number) => ({ ...number, distance_m: null })), ...near];
}
