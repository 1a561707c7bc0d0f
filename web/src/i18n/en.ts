import { common } from './en/common';
import { duty } from './en/duty';
import { words } from './en/words';
import type { Texts } from './vi';

export const en = { ...common, duty, words } satisfies Texts;
