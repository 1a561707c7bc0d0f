/** Words about an incident that several parts need. */
import type { Incident } from '../api/types';
import { t, word } from '../i18n';
import { coordinates } from '../i18n/format';
import { fold } from './fold';
import { ground } from '../state/ground.svelte';

const ENDED = new Set(['closed', 'rejected', 'merged']);

export function isOpen(incident: Incident): boolean {
  return !ENDED.has(incident.properties.state);
}

export function incidentTitle(incident: Incident): string {
  return incident.properties.title ?? kindWords(incident);
}

/** What happened, in no words but ours. */
export function kindWords(incident: Incident): string {
  return word(t().words.kind, incident.properties.kind);
}

/** "Km46+300" for 46.3. */
export function kilometrePost(km: number): string {
  const whole = Math.floor(km + 1e-9);
  const metres = Math.round((km - whole) * 1000);
  return `Km${whole}+${String(metres).padStart(3, '0')}`;
}

/** Where it is, as short as honest: road and post, the caller's words, the commune, or the coordinates. */
export function placeWords(incident: Incident): string {
  return placeSaid(incident, incident.properties.place_text);
}

/** The same without the caller's words, which may name somebody. */
export function publicPlaceWords(incident: Incident): string {
  return placeSaid(incident, undefined);
}

function placeSaid(incident: Incident, place_text: string | undefined): string {
  const { road_ref, road_km, commune_code, admin_unit } = incident.properties;
  const commune = ground.communeName(admin_unit ?? commune_code);
  if (!incident.geometry) {
    return commune ? t().duty.incidents.onlyCommune(commune) : (place_text ?? t().duty.incidents.noPlace);
  }
  const [lon = 0, lat = 0] = incident.geometry.coordinates;
  const post = road_ref && road_km !== undefined ? `${road_ref} ${kilometrePost(road_km)}` : '';
  const said = post || place_text || '';
  // Callers often name the commune themselves; it is not said twice.
  const words = [said, commune !== '' && fold(said).includes(fold(commune)) ? '' : commune].filter(
    (part) => part !== '',
  );
  return words.length > 0 ? words.join(', ') : coordinates(lon, lat);
}
