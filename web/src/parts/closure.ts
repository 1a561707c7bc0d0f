/** Words about a road closure that several parts need. */
import type { RoadClosure } from '../api/types';
import { t, word } from '../i18n';
import { isSlow } from './closuretimes';
import { kilometrePost } from './incident';

/** Where it is: the road and its posts, else what it is called. */
export function closurePlace({ properties }: RoadClosure): string {
  const { road_ref, from_km, to_km, name } = properties;
  if (!road_ref) return name ?? word(t().words.closureReason, properties.reason);
  const posts = [from_km, to_km].flatMap((km) => (km === undefined ? [] : kilometrePost(km)));
  return [road_ref, [...new Set(posts)].join('–')].filter(Boolean).join(' ');
}

const WHEELS = ['car', 'motorbike', 'truck'] as const;
const TRAVELLERS = ['foot', 'motorbike', 'car', 'truck'] as const;

/** Who still gets through, in words; everybody where it is only slow. */
export function whoPasses(closure: RoadClosure): string {
  const stopped: readonly string[] = closure.properties.profiles ?? WHEELS;
  if (isSlow(closure)) return t().roads.slow(Math.round((closure.properties.speed_factor ?? 1) * 100));
  const free = TRAVELLERS.filter((profile) => !stopped.includes(profile));
  if (free.length === 0) return t().roads.nobody;
  return free.map((profile) => word(t().words.profile, profile).toLowerCase()).join(', ');
}
