/** From where nobody has been heard: asked from the server while somebody looks, and again as signs come in. */
import { untrack } from 'svelte';
import { isAbort } from '../api/client';
import { evacuation } from '../api/endpoints';
import { Problem } from '../api/problem';
import type { CollectionName, Silence } from '../api/types';
import { picture } from './picture.svelte';

const SETTLE_MS = 300;
/** Silence grows by time alone. */
const AGAIN_MS = 60_000;
const HEARD: ReadonlySet<CollectionName> = new Set(['contacts', 'incidents', 'risk_zones']);

class SilenceState {
  known = $state.raw<Silence | null>(null);
  problem = $state.raw<Problem | null>(null);
  #asking: AbortController | null = null;

  /** Keeps it fresh for as long as the component lives that calls it while it is made. */
  follow(): void {
    $effect(() =>
      untrack(() => {
        void this.ask();
        let soon: ReturnType<typeof setTimeout> | undefined;
        const stop = picture.onChange((collection) => {
          if (HEARD.has(collection))
            soon ??= setTimeout(() => ((soon = undefined), void this.ask()), SETTLE_MS);
        });
        const again = setInterval(() => void this.ask(), AGAIN_MS);
        return () => {
          stop();
          clearTimeout(soon);
          clearInterval(again);
          this.#asking?.abort();
        };
      }),
    );
  }

  async ask(): Promise<void> {
    this.#asking?.abort();
    const mine = (this.#asking = new AbortController());
    try {
      const known = await evacuation.silence(mine.signal);
      if (mine !== this.#asking) return;
      this.known = known;
      this.problem = null;
    } catch (thrown) {
      if (!isAbort(thrown) && mine === this.#asking) this.problem = Problem.from(thrown);
    }
  }
}

export const silence = new SilenceState();
