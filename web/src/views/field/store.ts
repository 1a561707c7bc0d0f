/** The phone's own database: what waits to be sent, and the last lists that were seen. */
import { keptAs } from '../../room';
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { ReportBody } from '../../api/endpoints';
import type { EvacuationCall, FixIn, UnitStatus, UnitStep } from '../../api/types';

export type Errand =
  | { kind: 'report'; body: ReportBody }
  | { kind: 'status'; unit_id: string; body: { status: UnitStatus; at: string; source: 'own' } }
  | {
      kind: 'step';
      assignment_id: string;
      unit_id: string;
      body: { step: UnitStep; at: string; reason?: string };
    }
  | {
      kind: 'household';
      household_id: string;
      /** What it is called on the list, for whoever looks at the outbox. */
      name: string;
      body: EvacuationCall;
    }
  | { kind: 'safe'; assignment_id: string; body: { at: string; no_coverage_until?: string } }
  | {
      kind: 'photo';
      /** The report it belongs to, by its id in this box; it goes after that. */
      report_id: string;
      /** The incident that the report became; null until the server said. */
      incident_id: string | null;
      name: string;
      size_bytes: number;
      /** Bytes that the server has. */
      sent_bytes: number;
    };

/** `refused`: the server read it and said no; it is shown with the reason until its owner drops it. */
export type ItemState = 'waiting' | 'sending' | 'refused';

export interface OutboxItem {
  /** Also the idempotency key: however often it is sent, it happens once. */
  id: string;
  /** Who made it; another actor of this device does not send it. */
  actor: string;
  made_at: string;
  errand: Errand;
  state: ItemState;
  /** True after an attempt whose outcome nobody knows. */
  wasTried: boolean;
  problem: { vi: string; en: string } | null;
}

interface KeptList {
  name: string;
  at: string;
  value: unknown;
}

export interface QueuedFix {
  actor: string;
  fix: FixIn;
}

interface FieldBase extends DBSchema {
  outbox: { key: string; value: OutboxItem };
  fixes: { key: number; value: QueuedFix };
  kept: { key: string; value: KeptList };
  /** Photos that wait, by the id of their item. */
  photos: { key: string; value: { id: string; file: Blob } };
}

let opening: Promise<IDBPDatabase<FieldBase>> | null = null;

/**
 * Opens the phone's database.
 * @throws when the browser keeps nothing (private window, storage full): callers then hold things in memory and say so.
 */
export function base(): Promise<IDBPDatabase<FieldBase>> {
  opening ??= openDB<FieldBase>(keptAs('trucban-field'), 2, {
    upgrade: (made, before) => {
      if (before < 1) {
        made.createObjectStore('outbox', { keyPath: 'id' });
        made.createObjectStore('fixes', { autoIncrement: true });
        made.createObjectStore('kept', { keyPath: 'name' });
      }
      made.createObjectStore('photos', { keyPath: 'id' });
    },
    // A page of the version before must not hold up this one; what it holds is in the database.
    blocking: (_before, _after, event) => (event.target as IDBDatabase).close(),
  }).catch((thrown: unknown) => {
    opening = null;
    throw thrown;
  });
  return opening;
}

/** Keeps the last known value of a list; a browser that keeps nothing only forgets. */
export async function keep(name: string, at_ms: number, value: unknown): Promise<void> {
  try {
    await (await base()).put('kept', { name, at: new Date(at_ms).toISOString(), value });
  } catch {
    // The list is still on the screen; it only will not survive a reload.
  }
}

/** Takes a list off the device. */
export async function drop(name: string): Promise<void> {
  try {
    await (await base()).delete('kept', name);
  } catch {
    // A browser that keeps nothing has nothing to take away.
  }
}

/** The last known value of a list and when it was true. */
export async function kept<T>(name: string): Promise<{ at: string; value: T } | null> {
  try {
    const found = await (await base()).get('kept', name);
    return found ? { at: found.at, value: found.value as T } : null;
  } catch {
    return null;
  }
}
