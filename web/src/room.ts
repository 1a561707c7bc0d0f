/**
 * Which room this page is of. An exercise has a room of its own under `/exercises/CODE`: its pages, its records, and in
 * this browser its drafts and its outbox. Nothing that is kept or sent for the one may get into the other.
 */

/** What stands before every address of this room: nothing in the real one. */
export const ROOM = /^\/exercises\/[^/]+/.exec(globalThis.location?.pathname ?? '')?.[0] ?? '';

/** The address of a path in this room. */
export function inRoom(path: string): string {
  return ROOM && !path.startsWith(`${ROOM}/`) ? ROOM + path : path;
}

/** The name under which this room keeps something in the browser. */
export function keptAs(name: string): string {
  return ROOM ? `${name}@${ROOM}` : name;
}
