/** What a candidate or a chosen place comes to in a request. */

interface Known {
  lon: number | null;
  lat: number | null;
  accuracy_m: number | null;
}

/** Its point; `null` where there is none: a commune of which not even a label point is known. */
export function pointOf({
  lon,
  lat,
  accuracy_m,
}: Known): { lon: number; lat: number; accuracy_m?: number } | null {
  if (lon === null || lat === null) return null;
  return accuracy_m ? { lon, lat, accuracy_m } : { lon, lat };
}
