/** The page's address: the workplaces, the pages of accounts, and a query string. */

import { ROOM, inRoom } from '../room';

const WORKPLACES = ['/duty', '/plan', '/field'] as const;
/** Pages beside the workplaces that follow the live picture. */
const LIVE_PAGES = ['/handover', '/log'] as const;
/** Pages that nobody has to be signed in for: what a link or a code leads to, and where anybody gives a tip. */
const OPEN_PAGES = ['/setup', '/password', '/enrol', '/signed-in', '/tip'] as const;
const ROUTES = [
  '/',
  ...WORKPLACES,
  ...LIVE_PAGES,
  ...OPEN_PAGES,
  '/me',
  '/access',
  '/audit',
  '/tips',
  '/sheet',
  '/import',
  '/past',
  '/reports',
  '/statistics',
  '/disaster',
  '/exercises',
  '/exercise',
  '/work',
] as const;
export type Route = (typeof ROUTES)[number];
export type Workplace = (typeof WORKPLACES)[number];

const isOneOf = <R extends Route>(routes: readonly R[], route: string): route is R =>
  (routes as readonly string[]).includes(route);

function present(): Route {
  const path = location.pathname.slice(ROOM.length).replace(/\/+$/, '') || '/';
  return isOneOf(ROUTES, path) ? path : '/';
}

class Router {
  route = $state<Route>(present());
  isWorkplace = $derived(isOneOf(WORKPLACES, this.route));
  /** Whether it shows the picture as it changes. */
  isLive = $derived(this.isWorkplace || isOneOf(LIVE_PAGES, this.route));
  isOpen = $derived(isOneOf(OPEN_PAGES, this.route));
  #query = $state(location.search);

  constructor() {
    addEventListener('popstate', () => this.#read());
  }

  go(route: Route): void {
    if (route === this.route) return;
    history.pushState(null, '', inRoom(route));
    this.#read();
  }

  #read(): void {
    this.route = present();
    this.#query = location.search;
  }

  /** Value of a query parameter. */
  parameter(name: string): string | null {
    return new URLSearchParams(this.#query).get(name);
  }

  /** All query parameters. */
  parameters(): Partial<Record<string, string>> {
    return Object.fromEntries(new URLSearchParams(this.#query));
  }

  /** Takes the query out of the address. */
  clear(): void {
    history.replaceState(null, '', location.pathname);
    this.#query = '';
  }

  /** Keeps a value in the address, so that a reload comes back to it; `null` removes it. */
  keep(name: string, value: string | null): void {
    const query = new URLSearchParams(location.search);
    if (value === null) query.delete(name);
    else query.set(name, value);
    const text = query.size > 0 ? `?${query}` : '';
    history.replaceState(null, '', `${location.pathname}${text}`);
    this.#query = text;
  }
}

export const router = new Router();
