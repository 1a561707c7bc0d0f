/** Where something that is handed over is opened: on the map of the duty room. */
import type { HandoverItem } from '../../api/types';
import { router } from '../../state/router.svelte';
import { selection, type Selected } from '../../state/selection.svelte';

/** The record that the map shows for it, if any. */
export function placeOf({ collection, id, incident_id }: HandoverItem): Selected | null {
  if (collection === 'incidents' || collection === 'risk_zones') return { collection, id };
  return incident_id ? { collection: 'incidents', id: incident_id } : null;
}

export function open({ collection, id }: Selected): void {
  selection.open(collection, id);
  router.go('/duty');
}
