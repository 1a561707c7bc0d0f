/**
 * Label fonts of the map: the woff2 files of the page itself. There are no glyph PBFs, and so nothing to download;
 * `font-faces` makes MapLibre draw from the font files.
 */
import latinRegular from '@fontsource/noto-sans/files/noto-sans-latin-400-normal.woff2?url';
import latinBold from '@fontsource/noto-sans/files/noto-sans-latin-600-normal.woff2?url';
import vietnameseRegular from '@fontsource/noto-sans/files/noto-sans-vietnamese-400-normal.woff2?url';
import vietnameseBold from '@fontsource/noto-sans/files/noto-sans-vietnamese-600-normal.woff2?url';

const LATIN = ['U+0000-00FF', 'U+2000-206F', 'U+2190-2193', 'U+2212'];
const VIETNAMESE = [
  'U+0102-0103',
  'U+0110-0111',
  'U+0128-0129',
  'U+0168-0169',
  'U+01A0-01A1',
  'U+01AF-01B0',
  'U+0300-0301',
  'U+0303-0304',
  'U+0308-0309',
  'U+0323',
  'U+0329',
  'U+1EA0-1EF9',
  'U+20AB',
];

const face = (url: string, ranges: string[]) => ({
  url: new URL(url, location.href).href,
  'unicode-range': ranges,
});

export const REGULAR = ['Noto Sans'];
export const BOLD = ['Noto Sans Bold'];

export const fontFaces = {
  'Noto Sans': [face(vietnameseRegular, VIETNAMESE), face(latinRegular, LATIN)],
  'Noto Sans Bold': [face(vietnameseBold, VIETNAMESE), face(latinBold, LATIN)],
};
