/**
 * Half-typed reports. Each is saved at every pause in typing, survives a reload and a power cut (the browser's
 * database is told to write through), and keeps one idempotency key, so that a resend never makes a second incident.
 */
import { keptAs } from '../room';
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { ReportBody } from '../api/endpoints';
import type { IncidentKind, LocatedBy, Severity } from '../api/types';
import { uuidV7 } from '../api/uuid';
import { clock } from './clock.svelte';
import { link } from './link.svelte';

/** A place chosen from candidates or on the map; what was typed stays in `place_text`. */
export interface ChosenPlace {
  label: string;
  /** What was typed: a kilometre post is sent in these words, so that the record keeps road and post. */
  said: string;
  /** Degrees; `null` for a commune without a label point. */
  lon: number | null;
  lat: number | null;
  accuracy_m: number | null;
  located_by: LocatedBy;
  /** Set when only the commune is known: there is no point to draw. */
  commune_code: string | null;
}

export interface DraftFields {
  phone: string;
  name: string;
  kind: IncidentKind | '';
  severity: Severity | null;
  place_text: string;
  place: ChosenPlace | null;
  description: string;
  /** Time of day as typed (02:14, 2h14, 0214), local; empty means now. */
  occurred_at: string;
}

export interface Draft {
  id: string;
  /** Idempotency key of the report. */
  key: string;
  /** Idempotency key of "the same one": this caller added to another incident. */
  caller_key: string;
  opened_at: string;
  saved_at: string;
  fields: DraftFields;
  /** The body of an attempt whose outcome nobody knows: it is sent again as it was, with the same key. */
  sent: ReportBody | null;
  /** Why the last attempt failed. */
  failure: { vi: string; en: string } | null;
}

interface DraftBase extends DBSchema {
  reports: { key: string; value: Draft };
}

/** A pause in typing after which the draft is saved. */
const PAUSE_MS = 250;
/** More half-typed reports than this on one desk are a mistake. */
export const DRAFTS_MAX = 12;
/** What the page could still write while it was being closed. */
const LAST_BREATH = keptAs('trucban.drafts');

const EMPTY: DraftFields = {
  phone: '',
  name: '',
  kind: '',
  severity: null,
  place_text: '',
  place: null,
  description: '',
  occurred_at: '',
};

class Drafts {
  list = $state<Draft[]>([]);
  /** Time of the last saving, Unix milliseconds; `null` while something is unsaved. */
  saved_ms = $state<number | null>(null);
  /** True when the browser refuses to keep drafts: the form must say so. */
  isVolatile = $state(false);
  #base: IDBPDatabase<DraftBase> | null = null;
  #unsaved = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #loading: Promise<void> | null = null;

  /** Reads the drafts of the last time; calling it again changes nothing. */
  load(): Promise<void> {
    this.#loading ??= this.#read();
    return this.#loading;
  }

  async #read(): Promise<void> {
    addEventListener('pagehide', () => this.#lastBreath());
    let kept: Draft[] = [];
    try {
      this.#base = await openDB<DraftBase>(keptAs('trucban'), 1, {
        upgrade: (base) => void base.createObjectStore('reports', { keyPath: 'id' }),
      });
      kept = await this.#base.getAll('reports');
    } catch {
      this.isVolatile = true;
    }
    const byId = new Map(kept.map((draft) => [draft.id, draft]));
    for (const draft of takeLastBreath()) {
      const held = byId.get(draft.id);
      if (!held || held.saved_at < draft.saved_at) {
        byId.set(draft.id, draft);
        this.#unsaved.add(draft.id);
      }
    }
    const opened = this.list;
    this.list = [...byId.values(), ...opened].sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#count();
    if (this.#unsaved.size > 0) await this.#save();
  }

  /** Opens an empty draft beside the others. */
  open(): Draft | null {
    if (this.list.length >= DRAFTS_MAX) return null;
    const now = new Date(clock.read_ms()).toISOString();
    const draft: Draft = {
      id: uuidV7(),
      key: uuidV7(),
      caller_key: uuidV7(),
      opened_at: now,
      saved_at: now,
      fields: { ...EMPTY },
      sent: null,
      failure: null,
    };
    this.list.push(draft);
    this.touch(draft.id);
    return this.list[this.list.length - 1] ?? draft;
  }

  /** Says that a draft changed; it is saved at the next pause. */
  touch(id: string): void {
    this.#unsaved.add(id);
    this.saved_ms = null;
    this.#count();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#save(), PAUSE_MS);
  }

  /** Drops a draft that was sent, or that the officer threw away. */
  async drop(id: string): Promise<void> {
    this.list = this.list.filter((draft) => draft.id !== id);
    this.#unsaved.delete(id);
    this.#count();
    await this.#base?.delete('reports', id).catch(() => undefined);
  }

  async #save(): Promise<void> {
    const ids = [...this.#unsaved];
    this.#unsaved.clear();
    if (!this.#base) return;
    try {
      const write = this.#base.transaction('reports', 'readwrite', { durability: 'strict' });
      const now = new Date(clock.read_ms()).toISOString();
      for (const draft of this.list.filter((candidate) => ids.includes(candidate.id))) {
        draft.saved_at = now;
        void write.store.put($state.snapshot(draft) as Draft);
      }
      await write.done;
      if (this.#unsaved.size === 0) this.saved_ms = clock.read_ms();
      this.isVolatile = false;
    } catch {
      for (const id of ids) this.#unsaved.add(id);
      this.isVolatile = true;
    }
  }

  /** The database may not finish while the page closes; this write does. */
  #lastBreath(): void {
    const unsaved = this.list.filter((draft) => this.#unsaved.has(draft.id));
    if (unsaved.length === 0) return;
    const now = new Date(clock.read_ms()).toISOString();
    const text = JSON.stringify(unsaved.map((draft) => ({ ...$state.snapshot(draft), saved_at: now })));
    try {
      localStorage.setItem(LAST_BREATH, text);
    } catch {
      // Nothing more can be done while the page closes.
    }
  }

  #count(): void {
    link.setUnsent('drafts', this.list.filter((draft) => draft.failure !== null).length);
  }
}

function takeLastBreath(): Draft[] {
  try {
    const text = localStorage.getItem(LAST_BREATH);
    localStorage.removeItem(LAST_BREATH);
    return text ? (JSON.parse(text) as Draft[]) : [];
  } catch {
    return [];
  }
}

export const drafts = new Drafts();
