/** Where something that is handed over is opened: on the map of the duty room, or where the forces work together. */
import type { HandoverItem } from '../../api/types';
import { router } from '../../state/router.svelte';
import { selection, type Selected } from '../../state/selection.svelte';

/** What opens it, if there is a page that shows it. */
export function opener(item: HandoverItem): (() => void) | null {
  if (item.collection === 'decisions' || item.collection === 'information_requests')
    return () => router.go('/work');
  const place = placeOf(item);
  return place && (() => open(place));
}

/** The record that the map shows for it, if any. */
function placeOf({ collection, id, incident_id }: HandoverItem): Selected | null {
  if (collection === 'incidents' || collection === 'risk_zones') return { collection, id };
  return incident_id ? { collection: 'incidents', id: incident_id } : null;
}

export function open({ collection, id }: Selected): void {
  selection.open(collection, id);
  router.go('/duty');
}
