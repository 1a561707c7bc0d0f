/** Text without diacritics and in lower case, for finding "muong te" in "Mường Tè". */
export function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replace(/[đĐ]/g, 'd').toLowerCase();
}

/** True when every word of `query` occurs in `text`; both may have diacritics or not. */
export function matches(text: string, query: string): boolean {
  const folded = fold(text);
  return fold(query)
    .split(/\s+/)
    .every((part) => folded.includes(part));
}
