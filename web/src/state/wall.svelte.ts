/**
 * The duty page as it hangs on a wall, where passers-by read along: no tips, no names, no household dots, nothing that
 * a caller said. The address says so, so that the wall's own browser comes back to it.
 */
import type { Incident } from '../api/types';
import { router } from './router.svelte';

class Wall {
  isOn = $derived(router.route === '/duty' && router.parameter('wall') !== null);

  set(isOn: boolean): void {
    router.keep('wall', isOn ? 'on' : null);
  }
}

export const wall = new Wall();

/** A tip could tell who gave it: it stays at the desk. */
export const isForWall = (incident: Incident): boolean => incident.properties.channel !== 'tip';
