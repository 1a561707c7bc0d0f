/** The state of the line to the server, and whether what it sends is fresh; always in view. */
import type { Stale } from '../api/types';
import { clock } from './clock.svelte';

export type LinkPhase = 'connecting' | 'live' | 'lost';

/** Three heartbeats. */
const SILENCE_MAX_MS = 30_000;

class Link {
  phase = $state<LinkPhase>('connecting');
  /** Server time of the last message, Unix milliseconds. */
  last_message_ms = $state<number | null>(null);
  lost_since_ms = $state<number | null>(null);
  /** Set while the line lives and the server behind it shows an old picture. */
  stale = $state<Stale | null>(null);
  /** What happened up to this moment is in view, Unix milliseconds. */
  current_ms = $derived(this.stale ? Date.parse(this.stale.since) : this.last_message_ms);
  /** True while the page reads the whole picture again. */
  isLoading = $state(true);
  #unsent = $state<Record<string, number>>({});
  unsent = $derived(Object.values(this.#unsent).reduce((sum, count) => sum + count, 0));

  heard(): void {
    this.phase = 'live';
    this.lost_since_ms = null;
    this.last_message_ms = clock.read_ms();
  }

  /** Counts silence as lost, also in a tab that only overhears another tab's line. */
  watch(): void {
    if (this.phase !== 'live' || this.last_message_ms === null) return;
    if (clock.read_ms() - this.last_message_ms > SILENCE_MAX_MS) this.lost();
  }

  lost(): void {
    if (this.phase === 'lost') return;
    this.phase = 'lost';
    this.lost_since_ms = this.current_ms ?? clock.read_ms();
  }

  /** How many writes of `source` (drafts that failed, an outbox) have not reached the server. */
  setUnsent(source: string, count: number): void {
    if ((this.#unsent[source] ?? 0) !== count) this.#unsent = { ...this.#unsent, [source]: count };
  }
}

export const link = new Link();
