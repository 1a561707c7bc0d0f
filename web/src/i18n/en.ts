import { common } from './en/common';
import { duty } from './en/duty';
import { field } from './en/field';
import { words } from './en/words';
import type { Texts } from './vi';

export const en = { ...common, duty, field, words } satisfies Texts;
