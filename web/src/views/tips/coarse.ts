/** A day or half of one in words: a time of a tip is never told closer. */
import type { Coarse } from '../../api/types';
import { t } from '../../i18n';

export function coarse(day: Coarse | null | undefined): string {
  if (!day) return t().tips.unknown;
  const shown = day.on.split('-').reverse().join('/');
  return day.half ? `${shown}, ${t().tips.half[day.half]}` : shown;
}
