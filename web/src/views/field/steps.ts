/** What a unit says of its order, in words and as the status that follows from it. */
import type { UnitStatus, UnitStep } from '../../api/types';
import { t } from '../../i18n';

export const STATUS_OF: Partial<Record<UnitStep, UnitStatus>> = {
  acknowledge: 'acknowledged',
  en_route: 'en_route',
  on_scene: 'on_scene',
};

export function stepWords(step: UnitStep): string {
  const words = t().field.task;
  const all: Record<UnitStep, string> = {
    acknowledge: words.acknowledge,
    decline: words.decline,
    en_route: words.onWay,
    on_scene: words.arrived,
    clear: words.cleared,
  };
  return all[step];
}
