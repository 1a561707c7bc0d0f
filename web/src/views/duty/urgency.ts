/** What an officer must look at first, and what is being done about it. */
import type { Incident } from '../../api/types';
import { t, word } from '../../i18n';
import { isOpen } from '../../parts/incident';
import { isAlarm } from '../../state/alarms.svelte';
import { picture } from '../../state/picture.svelte';
import { isMoving, isOnScene } from './units';

/** Open before ended, alarms first, then the graver, then the newer. */
export function byUrgency(a: Incident, b: Incident): number {
  return (
    Number(isOpen(b)) - Number(isOpen(a)) ||
    Number(isAlarm(b)) - Number(isAlarm(a)) ||
    (isOpen(a) ? weight(b) - weight(a) : 0) ||
    (b.properties.reported_at ?? '').localeCompare(a.properties.reported_at ?? '')
  );
}

/** A report whose severity nobody gave yet stands between notable and serious: it must be looked at. */
const weight = (incident: Incident) => incident.properties.severity ?? 2.5;

/** What is being done about it and who is missing, in the fewest words. */
export function courseWords(incident: Incident): string {
  const words = t().duty.incidents;
  const { missing } = incident.properties;
  return [doing(incident), missing ? words.missing(missing) : ''].filter(Boolean).join(' · ');
}

function doing(incident: Incident): string {
  const words = t().duty.incidents;
  const { unit_ids, state } = incident.properties;
  if (isAlarm(incident)) return words.notAcknowledged;
  const units = (unit_ids ?? []).flatMap((id) => picture.units.get(id) ?? []);
  const onScene = units.filter(isOnScene).length;
  const moving = units.filter(isMoving).length;
  if (isOpen(incident) && onScene > 0) return words.onScene(onScene);
  if (isOpen(incident) && moving > 0) return words.moving(moving);
  return word(t().words.state, state);
}
