/**
 * The zone, or another area, that is being drawn or changed. It is kept at every change, so that a reload or a power cut
 * loses nothing, and carries one idempotency key, so that a save that is sent twice makes one zone.
 */
import { keptAs } from '../../room';
import { change, create } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type { Area, Hazard, Zone, ZoneFields } from '../../api/types';
import { uuidV7 } from '../../api/uuid';
import { clock } from '../../state/clock.svelte';
import { picture } from '../../state/picture.svelte';
import { session } from '../../state/session.svelte';
import { fromLocal, toLocal } from '../../parts/times';
import type { EventPlan } from '../work/work';

/** The form's fields; times are `YYYY-MM-DDTHH:MM` of the province's clock, empty where none is given. */
export interface FormFields {
  name: string;
  kind: Hazard | '';
  owner: string;
  from: string;
  to: string;
  level: 1 | 2 | 3 | 4 | 5 | null;
  susceptibility: 1 | 2 | 3 | 4 | null;
  /** From this level on whoever is inside counts as at risk. */
  trigger_level: 1 | 2 | 3 | 4 | 5 | null;
  note: string;
  publish: NonNullable<ZoneFields['publish']>;
}

interface Kept {
  key: string;
  what?: What;
  plan?: OfPlan | null;
  /** The zone that is changed; `null` for a new one. */
  base: Zone | null;
  fields: FormFields;
  geometry: Area | null;
}

/** The plan of an event whose area is drawn; where its posts stand is not kept in a browser. */
interface OfPlan {
  id: string;
  name: string;
  version: number;
}

/** What the drawn area shall be. */
type What = 'zone' | 'concern' | 'event';

export type Missing = 'area' | 'name' | 'kind' | 'to' | 'order';

const STORE = keptAs('trucban.plan.draft');
const EMPTY: FormFields = {
  name: '',
  kind: '',
  owner: '',
  from: '',
  to: '',
  level: null,
  susceptibility: null,
  trigger_level: null,
  note: '',
  publish: 'now',
};

class ZoneDraft {
  isOpen = $state(false);
  what = $state<What>('zone');
  plan = $state.raw<OfPlan | null>(null);
  fields = $state<FormFields>({ ...EMPTY });
  geometry = $state.raw<Area | null>(null);
  base = $state.raw<Zone | null>(null);
  isSaving = $state(false);
  problem = $state.raw<Problem | null>(null);
  /** The zone as somebody else left it meanwhile. */
  conflict = $state.raw<Zone | null>(null);
  missing = $derived.by<Missing[]>(() => {
    const { name, kind, from, to } = this.fields;
    const found: Missing[] = [];
    if (!this.geometry) found.push('area');
    if (name.trim() === '') found.push('name');
    if (kind === '') found.push('kind');
    const end_ms = fromLocal(to);
    if (end_ms === null) found.push('to');
    else if (end_ms <= (fromLocal(from) ?? clock.now_ms)) found.push('order');
    return found;
  });
  #key = uuidV7();

  /** Brings back what a closed page left; true if there was something. */
  restore(): boolean {
    if (this.isOpen) return true;
    try {
      const text = localStorage.getItem(STORE);
      if (!text) return false;
      const { key, what, plan, base, fields, geometry } = JSON.parse(text) as Kept;
      this.what = what ?? 'zone';
      this.plan = plan ?? null;
      this.#key = key;
      this.base = base;
      this.fields = { ...EMPTY, ...fields };
      this.geometry = geometry;
      this.isOpen = true;
      return true;
    } catch {
      return false;
    }
  }

  /** Opens an empty draft; the owner is who draws it, unless they say otherwise. */
  begin(what: What = 'zone'): void {
    this.#reset();
    this.what = what;
    this.fields = { ...EMPTY, owner: session.label };
    this.isOpen = true;
    this.keep();
  }

  /** Opens the area of an event's plan for drawing, with what is there already. */
  drawPlan({ id, geometry, properties: { name, version } }: EventPlan): void {
    this.#reset();
    this.what = 'event';
    this.plan = { id, name, version };
    this.geometry = geometry?.type === 'Polygon' || geometry?.type === 'MultiPolygon' ? geometry : null;
    this.isOpen = true;
    this.keep();
  }

  /** Opens a zone for changing. */
  edit(zone: Zone): void {
    this.#reset();
    this.base = zone;
    this.fields = formOf(zone);
    this.geometry = zone.geometry;
    this.isOpen = true;
    this.keep();
  }

  setGeometry(geometry: Area | null): void {
    this.geometry = geometry;
    this.problem = null;
    this.keep();
  }

  /** Keeps the draft; called at every change. */
  keep(): void {
    const kept: Kept = {
      key: this.#key,
      what: this.what,
      plan: this.plan,
      base: this.base,
      fields: $state.snapshot(this.fields),
      geometry: this.geometry,
    };
    try {
      localStorage.setItem(STORE, JSON.stringify(kept));
    } catch {
      // A browser that keeps nothing still draws; it only forgets at a reload.
    }
  }

  /** Throws the draft away. */
  drop(): void {
    this.#reset();
    this.isOpen = false;
    try {
      localStorage.removeItem(STORE);
    } catch {
      // Nothing was kept.
    }
  }

  /** Saves; the answer is the zone, or `null` when it was not saved (`problem` or `conflict` says why). */
  async save(): Promise<Zone | null> {
    if (this.isSaving || this.missing.length > 0) return null;
    this.isSaving = true;
    this.problem = null;
    try {
      const zone = this.base ? await this.#patch(this.base) : await this.#create();
      picture.take('risk_zones', zone);
      this.drop();
      return zone;
    } catch (thrown) {
      const problem = Problem.from(thrown);
      const { present } = problem.extra as { present?: Zone };
      if (problem.status === 412 && present) this.conflict = present;
      else this.problem = problem;
      return null;
    } finally {
      this.isSaving = false;
    }
  }

  /** Takes the present zone and forgets what was changed here. */
  takeTheirs(): void {
    if (this.conflict) this.edit(this.conflict);
  }

  /** Keeps what was changed here, on top of the present zone. */
  keepMine(): void {
    if (!this.conflict) return;
    this.base = this.conflict;
    this.conflict = null;
    this.#key = uuidV7();
    this.keep();
  }

  async #create(): Promise<Zone> {
    const answer = await create<Zone>('risk_zones', this.geometry, propertiesOf(this.fields), {
      key: this.#key,
    });
    return answer.data;
  }

  async #patch(base: Zone): Promise<Zone> {
    const properties = changedProperties(base, this.fields);
    const isMoved = JSON.stringify(this.geometry) !== JSON.stringify(base.geometry);
    const patch = { properties, ...(isMoved ? { geometry: this.geometry } : {}) };
    const answer = await change<Zone>('risk_zones', base.id, base.properties.version, patch, this.#key);
    return answer.data;
  }

  #reset(): void {
    this.#key = uuidV7();
    this.what = 'zone';
    this.plan = null;
    this.base = null;
    this.fields = { ...EMPTY };
    this.geometry = null;
    this.problem = null;
    this.conflict = null;
  }
}

export function formOf({ properties }: Zone): FormFields {
  const { name, kind, owner, valid_from, valid_to, level, susceptibility, trigger_level, note, publish } =
    properties;
  return {
    name,
    kind,
    owner: owner ?? '',
    from: valid_from ? toLocal(Date.parse(valid_from)) : '',
    to: toLocal(Date.parse(valid_to)),
    level: level ?? null,
    susceptibility: (susceptibility ?? null) as FormFields['susceptibility'],
    trigger_level: (trigger_level ?? null) as FormFields['trigger_level'],
    note: note ?? '',
    publish: publish ?? 'now',
  };
}

/** What the form says, as fields of a record; an empty field is not said. */
export function propertiesOf(fields: FormFields): Partial<ZoneFields> {
  const from = fromLocal(fields.from);
  const to = fromLocal(fields.to);
  return {
    name: fields.name.trim(),
    ...(fields.kind ? { kind: fields.kind } : {}),
    ...(fields.owner.trim() ? { owner: fields.owner.trim() } : {}),
    ...(from !== null ? { valid_from: new Date(from).toISOString() } : {}),
    ...(to !== null ? { valid_to: new Date(to).toISOString() } : {}),
    ...(fields.level ? { level: fields.level } : {}),
    ...(fields.susceptibility ? { susceptibility: fields.susceptibility } : {}),
    ...(fields.trigger_level ? { trigger_level: fields.trigger_level } : {}),
    ...(fields.note.trim() ? { note: fields.note.trim() } : {}),
    publish: fields.publish,
  };
}

/** The fields that differ from the zone; `null` takes one away. */
export function changedProperties(base: Zone, fields: FormFields): Record<string, unknown> {
  const before = formOf(base);
  const after = propertiesOf(fields);
  const names = { name: 'name', kind: 'kind', owner: 'owner', from: 'valid_from', to: 'valid_to' } as const;
  const changed: Record<string, unknown> = {};
  for (const [field, property] of Object.entries({
    ...names,
    level: 'level',
    susceptibility: 'susceptibility',
    trigger_level: 'trigger_level',
    note: 'note',
    publish: 'publish',
  } as const)) {
    if (before[field as keyof FormFields] === fields[field as keyof FormFields]) continue;
    changed[property] = after[property] ?? null;
  }
  return changed;
}

export const draft = new ZoneDraft();
