/** Rows of the audit as the filter asks for them, newest first, and the alarms of the last week. */
import { audit } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type { AuditRow } from '../../api/types';
import { fromLocal } from '../../parts/times';
import { clock } from '../../state/clock.svelte';

const PAGE_ROWS = 100;
/** How far back alarms are shown. */
const ALARMS_MS = 7 * 86_400_000;

/** As the form holds it: times are `YYYY-MM-DDTHH:MM` of the province's clock, an empty text asks for all. */
export interface Filter {
  actor: string;
  from: string;
  to: string;
  record: string;
  kind: string;
}

class Rows {
  filter = $state<Filter>({ actor: '', from: '', to: '', record: '', kind: '' });
  list = $state.raw<readonly AuditRow[]>([]);
  alarms = $state.raw<readonly AuditRow[]>([]);
  problem = $state<Problem | null>(null);
  isBusy = $state(false);
  hasMore = $derived.by(() => this.#before !== null);
  #before = $state<number | null>(null);
  #turn = 0;

  async load(): Promise<void> {
    this.#before = null;
    await this.#read([]);
    const from = new Date(clock.read_ms() - ALARMS_MS).toISOString();
    this.alarms = (await audit({ kind: 'bulk_read', from, limit: PAGE_ROWS })).rows;
  }

  async more(): Promise<void> {
    await this.#read(this.list);
  }

  /** A later question makes the answers to earlier ones worthless. */
  async #read(known: readonly AuditRow[]): Promise<void> {
    const turn = ++this.#turn;
    this.isBusy = true;
    try {
      const page = await audit({ ...this.#asked(), before: this.#before, limit: PAGE_ROWS });
      if (turn !== this.#turn) return;
      this.list = [...known, ...page.rows];
      this.#before = page.next_before;
      this.problem = null;
    } catch (thrown) {
      if (turn === this.#turn) this.problem = Problem.from(thrown);
    } finally {
      if (turn === this.#turn) this.isBusy = false;
    }
  }

  #asked(): Record<string, string | null> {
    const { actor, from, to, record, kind } = this.filter;
    const time = (text: string) => {
      const ms = fromLocal(text);
      return ms === null ? null : new Date(ms).toISOString();
    };
    return {
      actor: actor.trim() || null,
      from: time(from),
      to: time(to),
      record: record.trim() || null,
      kind: kind || null,
    };
  }
}

export const rows = new Rows();
