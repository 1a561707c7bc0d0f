/** Where each role works. */
import type { Role } from '../../api/types';
import type { Workplace } from '../../state/router.svelte';

const WORKPLACE: Partial<Record<Role, Workplace>> = { planner: '/plan', field_unit: '/field' };

/** The page that somebody of this role opens after signing in. */
export const workplaceOf = (role: Role): Workplace => WORKPLACE[role] ?? '/duty';
