/** Figures as the page writes them. */
import { number } from '../../i18n/format';
import { digits } from './digits';

/** With as many decimals as the figure has. */
export const figure = (value: number): string => number(value, digits(value));

/** With its sign; nothing for no change. */
export function signed(delta: number): string {
  if (delta === 0) return '0';
  return `${delta > 0 ? '+' : '−'}${figure(Math.abs(delta))}`;
}

export const percent = (share: number): string =>
  `${share > 0 ? '+' : share < 0 ? '−' : ''}${number(Math.abs(share), 1)} %`;
