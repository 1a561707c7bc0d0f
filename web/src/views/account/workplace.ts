/** Where each role works. */
import type { Role } from '../../api/types';
import type { Route } from '../../state/router.svelte';

const WORKPLACE: Partial<Record<Role, Route>> = {
  planner: '/plan',
  field_unit: '/field',
  tip_handler: '/tips',
};

/** The page that somebody of this role opens after signing in. */
export const workplaceOf = (role: Role): Route => WORKPLACE[role] ?? '/duty';
