/**
 * Alarms: grave incidents that no named officer has taken, and what the desk raised (distress, lost contact, orders
 * that were declined or timed out, requests). Only what nobody took flashes and sounds; the sound repeats until then. A browser lets a page sound only after its user touched it, so "cannot
 * sound yet" is shown like "muted".
 */
import type { Alarm, Incident, Unit } from '../api/types';
import { picture } from './picture.svelte';
import type { Selected } from './selection.svelte';
import { session } from './session.svelte';
import { settings } from './settings.svelte';
import { passedOn } from './shifts.svelte';

const REPEAT_MS = 6_000;
const ENDED = new Set(['closed', 'rejected', 'merged', 'handed_over']);

export function isAlarm(incident: Incident): boolean {
  const { severity, state, acknowledged_at } = incident.properties;
  return severity === 4 && !acknowledged_at && !ENDED.has(state);
}

const at_ms = (time: string | undefined): number => Date.parse(time ?? '') || 0;
const since_ms = ({ properties }: Incident): number =>
  at_ms(properties.reported_at ?? properties.recorded_at);

/**
 * Whether it calls this officer: alarms of one force call its own, and the joint duty room; one that they handed to the
 * next officer calls that one.
 */
export function callsMe(alarm: Alarm): boolean {
  const { force } = alarm.properties;
  const mine = session.actor?.force;
  return (!force || !mine || force === mine) && !passedOn(alarm);
}

/** Where an alarm is dealt with: at the unit whose people are in danger, else at the incident or the zone. */
function placeOf({ properties: { kind, incident_id, unit_id, zone_id } }: Alarm): Selected | null {
  if (unit_id && (kind === 'distress' || !incident_id)) return { collection: 'units', id: unit_id };
  if (incident_id) return { collection: 'incidents', id: incident_id };
  return zone_id ? { collection: 'risk_zones', id: zone_id } : null;
}

class Alarms {
  incidents = $derived<Incident[]>(picture.incidents.list.filter((one) => isAlarm(one) && !passedOn(one)));
  /** What the desk raised and nobody took. */
  raised = $derived<Alarm[]>(
    picture.alarms.list
      .filter((alarm) => !alarm.properties.acknowledged_at && callsMe(alarm))
      .toSorted((a, b) => at_ms(a.properties.raised_at) - at_ms(b.properties.raised_at)),
  );
  /** Units in distress whose call nobody took; one that was handed to the next officer rings there. */
  distress = $derived<Unit[]>(
    picture.units.list.filter(
      (unit) =>
        unit.properties.status === 'distress' &&
        !picture.alarms.list.some(
          (alarm) =>
            alarm.properties.kind === 'distress' &&
            alarm.properties.unit_id === unit.id &&
            (alarm.properties.acknowledged_at || passedOn(alarm)),
        ),
    ),
  );
  /** The others that were raised: a call for help that shows as a unit in distress is counted as that. */
  others = $derived<Alarm[]>(
    this.raised.filter(
      ({ properties: { kind, unit_id } }) =>
        kind !== 'distress' || !this.distress.some((unit) => unit.id === unit_id),
    ),
  );
  /** Those that belong to no record that can be opened: they are dealt with in the overview. */
  placeless = $derived<Alarm[]>(this.others.filter((alarm) => !placeOf(alarm)));
  count = $derived(this.incidents.length + this.distress.length + this.others.length);
  /** All of them, people in distress first, then what has waited longest. */
  waiting = $derived<Selected[]>([
    ...this.distress
      .toSorted((a, b) => at_ms(a.properties.status_at) - at_ms(b.properties.status_at))
      .map(({ id }) => ({ collection: 'units' as const, id })),
    ...this.others.flatMap((alarm) => placeOf(alarm) ?? []),
    ...this.incidents
      .toSorted((a, b) => since_ms(a) - since_ms(b))
      .map(({ id }) => ({ collection: 'incidents' as const, id })),
  ]);
  /** False until the user has touched the page once. */
  maySound = $state(false);
  isSilent = $derived(settings.isMuted || !this.maySound);
  #audio: AudioContext | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Starts listening for alarms; called once by a page that sounds. The answer stops it. */
  start(): () => void {
    const touched = () => {
      this.#audio ??= new AudioContext();
      void this.#audio.resume().then(() => (this.maySound = true));
    };
    addEventListener('pointerdown', touched, { once: true });
    addEventListener('keydown', touched, { once: true });
    this.#timer = setInterval(() => this.#repeat(), REPEAT_MS);
    return () => {
      clearInterval(this.#timer);
      removeEventListener('pointerdown', touched);
      removeEventListener('keydown', touched);
    };
  }

  #repeat(): void {
    if (this.count === 0 || this.isSilent || !this.#audio) return;
    // Distress and incident sound differently: who is in danger differs.
    const isDanger = this.raised.some(
      ({ properties: { kind } }) => kind === 'distress' || kind === 'contact_lost',
    );
    if (isDanger || this.distress.length > 0) this.#tones([988, 740, 988, 740], 0.12);
    else this.#tones([660, 880], 0.22);
  }

  #tones(frequencies_hz: number[], length_s: number): void {
    const audio = this.#audio;
    if (!audio) return;
    frequencies_hz.forEach((frequency_hz, index) => {
      const start = audio.currentTime + index * (length_s + 0.04);
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      tone.frequency.value = frequency_hz;
      volume.gain.setValueAtTime(0, start);
      volume.gain.linearRampToValueAtTime(0.35, start + 0.02);
      volume.gain.linearRampToValueAtTime(0, start + length_s);
      tone.connect(volume).connect(audio.destination);
      tone.start(start);
      tone.stop(start + length_s);
    });
  }
}

export const alarms = new Alarms();
