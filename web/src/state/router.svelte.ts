/** The page's address: four workplaces and a query string. */

export type Route = '/' | '/duty' | '/plan' | '/field';
const ROUTES: readonly string[] = ['/', '/duty', '/plan', '/field'];

function present(): Route {
  const path = location.pathname.replace(/\/+$/, '') || '/';
  return (ROUTES.includes(path) ? path : '/') as Route;
}

class Router {
  route = $state<Route>(present());
  #query = $state(location.search);

  constructor() {
    addEventListener('popstate', () => this.#read());
  }

  go(route: Route): void {
    if (route === this.route) return;
    history.pushState(null, '', route);
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
