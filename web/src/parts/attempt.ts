/** What the forms of accounts do when something is sent. */
import { toasts } from '../state/toasts.svelte';

/** Does it, and says what went wrong; whether it was done. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (thrown) {
    toasts.problem(thrown);
    return false;
  }
}
