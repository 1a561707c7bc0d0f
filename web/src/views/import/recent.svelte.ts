/** The last imports as the duty log tells them, and undoing one. */
import { imports, items } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type { CollectionName, LogEntry } from '../../api/types';
import { clock } from '../../state/clock.svelte';

/** How far back imports are shown. */
const SHOWN_MS = 30 * 86_400_000;
const SHOWN_MAX = 20;
const ENTRIES_MAX = 1_000;

/** What the duty log keeps of an import. */
interface Facts {
  collection: CollectionName;
  file: string;
  created: number;
  updated: number;
  refused: number;
}

export interface Import extends Facts {
  id: string;
  at: string;
  by: string;
  undoneBy: string | null;
}

/** A record that somebody has changed after the import. */
export interface Changed {
  collection: CollectionName;
  id: string;
  label: string;
  by: string;
}

class Recent {
  list = $state.raw<readonly Import[]>([]);
  problem = $state.raw<Problem | null>(null);
  isBusy = $state(false);
  /** The last refusal of an undo, with the records that stand in its way. */
  refusal = $state.raw<Problem | null>(null);
  changed = $derived((this.refusal?.extra['records'] as Changed[] | undefined) ?? []);

  async load(): Promise<void> {
    try {
      const from = new Date(clock.read_ms() - SHOWN_MS).toISOString();
      const asked = { datetime: `${from}/..`, limit: ENTRIES_MAX };
      const [made, undone] = await Promise.all([
        items<LogEntry>('duty_log', { ...asked, kind: 'imported' }),
        items<LogEntry>('duty_log', { ...asked, kind: 'import_undone' }),
      ]);
      const undoers = new Map(
        undone.features.map(({ properties }) => [properties.corrects_id, properties.author]),
      );
      const newest = made.features.toReversed().slice(0, SHOWN_MAX);
      this.list = newest.map(({ id, properties }) => ({
        ...(properties.facts as unknown as Facts),
        id,
        at: properties.occurred_at ?? '',
        by: properties.author ?? '',
        undoneBy: undoers.get(id) ?? null,
      }));
      this.problem = null;
    } catch (thrown) {
      this.problem = Problem.from(thrown);
    }
  }

  /** Undoes an import: what was removed and put back, or `null` where it was refused. */
  async undo(id: string): Promise<{ removed: number; restored: number } | null> {
    this.isBusy = true;
    this.refusal = null;
    try {
      const { data } = await imports.undo(id);
      return data;
    } catch (thrown) {
      this.refusal = Problem.from(thrown);
      return null;
    } finally {
      this.isBusy = false;
      await this.load();
    }
  }
}

export const recent = new Recent();
