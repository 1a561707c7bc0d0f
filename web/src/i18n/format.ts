/** Times, ages, distances and coordinates in the reader's language. Times are shown in Asia/Ho_Chi_Minh. */
import { settings } from '../state/settings.svelte';

const ZONE = 'Asia/Ho_Chi_Minh';
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

type When = string | number | Date;

const isVietnamese = () => settings.language === 'vi';
const ms = (when: When) => (typeof when === 'number' ? when : new Date(when).getTime());

const parts = new Intl.DateTimeFormat('en-GB', {
  timeZone: ZONE,
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

function split(when: When): Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', string> {
  const found = Object.fromEntries(parts.formatToParts(ms(when)).map(({ type, value }) => [type, value]));
  return found as ReturnType<typeof split>;
}

/** `02:14` */
export function hhmm(when: When): string {
  const { hour, minute } = split(when);
  return `${hour}:${minute}`;
}

/** `02:14:36` */
export function hhmmss(when: When): string {
  const { hour, minute, second } = split(when);
  return `${hour}:${minute}:${second}`;
}

/** `23/11` */
export function dayMonth(when: When): string {
  const { day, month } = split(when);
  return `${day}/${month}`;
}

/** `02:14` today, `02:14 22/11` on another day. */
export function moment(when: When, now_ms: number): string {
  const isToday = dayMonth(when) === dayMonth(now_ms);
  return isToday ? hhmm(when) : `${hhmm(when)} ${dayMonth(when)}`;
}

/** `02:14:36 23/11/2026`, for hover. */
export function exact(when: When): string {
  const { day, month, year, hour, minute, second } = split(when);
  return `${hour}:${minute}:${second} ${day}/${month}/${year}`;
}

/** A length of time in words: "40 giây", "12 phút", "1 giờ 05", "3 ngày". */
export function duration(length_ms: number): string {
  const vi = isVietnamese();
  const length = Math.max(0, length_ms);
  if (length < MINUTE_MS) return `${Math.round(length / SECOND_MS)} ${vi ? 'giây' : 's'}`;
  if (length < HOUR_MS) return `${Math.floor(length / MINUTE_MS)} ${vi ? 'phút' : 'min'}`;
  if (length < DAY_MS) {
    const hours = Math.floor(length / HOUR_MS);
    const minutes = Math.floor((length % HOUR_MS) / MINUTE_MS);
    const rest = minutes > 0 && hours < 10 ? ` ${String(minutes).padStart(2, '0')}` : '';
    return `${hours} ${vi ? 'giờ' : 'h'}${rest}`;
  }
  const days = Math.floor(length / DAY_MS);
  if (days < 60) return `${days} ${vi ? 'ngày' : days === 1 ? 'day' : 'days'}`;
  if (days < 730) return `${Math.floor(days / 30.44)} ${vi ? 'tháng' : 'months'}`;
  return `${Math.floor(days / 365.25)} ${vi ? 'năm' : 'years'}`;
}

/** "12 phút trước"; "vừa xong" for the last seconds. */
export function ago(when: When, now_ms: number): string {
  const age_ms = now_ms - ms(when);
  if (age_ms < 2 * SECOND_MS) return isVietnamese() ? 'vừa xong' : 'just now';
  return isVietnamese() ? `${duration(age_ms)} trước` : `${duration(age_ms)} ago`;
}

export function number(value: number, digits = 0): string {
  // What rounds to nothing has no sign.
  const shown = Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value;
  return shown.toLocaleString(isVietnamese() ? 'vi-VN' : 'en-GB', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** `850 m`, `6,4 km`, `24 km` */
export function distance(metres: number): string {
  if (metres < 995) return `${number(metres < 100 ? Math.round(metres) : Math.round(metres / 10) * 10)} m`;
  return `${number(metres / 1000, metres < 9950 ? 1 : 0)} km`;
}

/** `22.4702 N 103.1604 E`: a point as decimal mark, so that it can be copied into other programs. */
export function coordinates(lon: number, lat: number): string {
  return `${Math.abs(lat).toFixed(4)} ${lat < 0 ? 'S' : 'N'} ${Math.abs(lon).toFixed(4)} ${lon < 0 ? 'W' : 'E'}`;
}

/** `± 40 m` */
export function accuracy(metres: number): string {
  return `± ${distance(metres)}`;
}

const POINTS = {
  vi: ['bắc', 'đông bắc', 'đông', 'đông nam', 'nam', 'tây nam', 'tây', 'tây bắc'],
  en: ['north', 'north-east', 'east', 'south-east', 'south', 'south-west', 'west', 'north-west'],
};
const ARROWS = ['↑', '↗', '→', '↘', '↓', '↙', '←', '↖'];

/** `↗ đông bắc` */
export function direction(bearing_deg: number): string {
  const index = Math.round((((bearing_deg % 360) + 360) % 360) / 45) % 8;
  return `${ARROWS[index]} ${POINTS[settings.language][index]}`;
}
