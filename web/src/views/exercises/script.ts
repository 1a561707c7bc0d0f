/** A script as it is typed, and what becomes of it. */
import type { Inject } from '../../api/types';

export type Carries = 'nothing' | 'report' | 'rain';

/** One inject in the form. */
export interface Typed {
  minute: number;
  title: string;
  expected: string;
  carries: Carries;
  kind: string;
  place: string;
  gauge: string;
  mm: number;
}

export function blank(minute: number): Typed {
  return {
    minute,
    title: '',
    expected: '',
    carries: 'nothing',
    kind: 'landslide',
    place: '',
    gauge: '',
    mm: 0,
  };
}

/** Where the caller of an inject says that it is. */
export interface Spot {
  lon: number;
  lat: number;
}

/** The inject that is sent; `spot` is that of its place, for one that carries a report. */
export function inject(typed: Typed, spot: Spot | null): Inject {
  const { minute, title, expected, carries, kind, gauge, mm } = typed;
  return {
    after_s: Math.round(minute * 60),
    title: title.trim(),
    ...(expected.trim() ? { expected: expected.trim() } : {}),
    ...(carries === 'report' && spot ? { report: { kind, ...spot } } : {}),
    ...(carries === 'rain' ? { rain: { gauge, mm, minutes: 60 } } : {}),
  };
}

/** An exercise such as the forces hold before the rains, for whoever tries this out. */
export const SAMPLE = {
  title: 'Sạt lở đất, sơ tán dân trong đêm',
  place: 'Xã Mường Tè',
  objectives: [
    'Xác minh tin báo trong 10 phút',
    'Lực lượng đầu tiên lên đường trong 20 phút',
    'Đưa hết người ra khỏi khu vực nguy hiểm trong 2 giờ',
  ],
  injects: [
    {
      ...blank(0),
      title: 'Trưởng bản gọi: nứt đất phía trên bản, nước suối đục',
      expected: 'Xác minh, cử lực lượng gần nhất theo đường đi',
      carries: 'report',
      kind: 'landslide',
      place: '22.40, 102.80',
    },
    {
      ...blank(5),
      title: 'Đoạn đường vào bản bị đất vùi lấp',
      expected: 'Cấm đường, tìm đường khác, báo xã bị cô lập',
    },
    {
      ...blank(15),
      title: 'Một hộ không chịu đi',
      expected: 'Cử người có uy tín tới vận động, hẹn giờ quay lại',
    },
    {
      ...blank(30),
      title: 'Mất liên lạc với một tổ đang tìm kiếm',
      expected: 'Báo động, cử tổ khác tới nơi',
    },
  ] satisfies Typed[],
};
