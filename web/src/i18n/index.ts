/** Texts in the language of the page: `t().search.hint`. Reading it in markup follows a change of language. */
import { settings } from '../state/settings.svelte';
import { en } from './en';
import { vi, type Texts } from './vi';

export function t(): Texts {
  return settings.language === 'vi' ? vi : en;
}

/** The word for a field's value; the value itself where a newer server knows one more. */
export function word(table: Record<string, string>, value: string | number | null | undefined): string {
  return value == null ? '' : (table[String(value)] ?? String(value));
}
