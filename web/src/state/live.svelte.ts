/**
 * One collection as the page holds it: read once, then kept by the feed. Readers watch one version counter, not each
 * entry: twenty thousand positions a second must not wake twenty thousand effects.
 */
import { isRecord, type CollectionName, type Feature, type PositionUpdate, type Unit } from '../api/types';

/** At most so many wake-ups a second. */
const WAKE_MS = 120;

export class LiveCollection<F extends Feature<object>> {
  readonly name: CollectionName;
  /** Moves on whenever something changed. */
  version = $state(0);
  #entries = new Map<string, F>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #list: F[] | null = null;

  constructor(name: CollectionName) {
    this.name = name;
  }

  /** All records, in the order in which they came. */
  get list(): readonly F[] {
    void this.version;
    this.#list ??= [...this.#entries.values()];
    return this.#list;
  }

  get size(): number {
    void this.version;
    return this.#entries.size;
  }

  get(id: string | null | undefined): F | undefined {
    void this.version;
    return id == null ? undefined : this.#entries.get(id);
  }

  /** Replaces everything by what the server just listed, but keeps a record that is newer here. */
  replace(features: readonly F[]): void {
    const next = new Map<string, F>();
    for (const feature of features.filter(isRecord)) {
      const held = this.#entries.get(feature.id);
      next.set(feature.id, held && held.properties.version > feature.properties.version ? held : feature);
    }
    this.#entries = next;
    this.#wake();
  }

  /** Takes one record; an older version than the one held changes nothing. */
  put(feature: F): void {
    if (!isRecord(feature)) return;
    const held = this.#entries.get(feature.id);
    if (held && held.properties.version > feature.properties.version) return;
    this.#entries.set(feature.id, feature);
    this.#wake();
  }

  remove(id: string): void {
    if (this.#entries.delete(id)) this.#wake();
  }

  /** Changes an entry without a new version (positions). */
  protected patch(id: string, change: (held: F) => F): void {
    const held = this.#entries.get(id);
    if (!held) return;
    this.#entries.set(id, change(held));
    this.#wake();
  }

  #wake(): void {
    this.#list = null;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.version += 1;
    }, WAKE_MS);
  }
}

/** Units: their positions come apart from their records, and the newest by fix time wins. */
export class LiveUnits extends LiveCollection<Unit> {
  constructor() {
    super('units');
  }

  override put(feature: Unit): void {
    const held = this.get(feature.id);
    super.put(held && isOlderFix(feature, held) ? withFixOf(feature, held) : feature);
  }

  move(update: PositionUpdate): void {
    this.patch(update.id, (held) => {
      if (held.properties.fix_at && held.properties.fix_at > update.fix_at) return held;
      return {
        ...held,
        geometry: { type: 'Point', coordinates: [update.lon, update.lat] },
        properties: {
          ...held.properties,
          fix_at: update.fix_at,
          fix_source: update.fix_source,
          fix_accuracy_m: update.accuracy_m ?? undefined,
          speed_mps: update.speed_mps ?? undefined,
          course_deg: update.course_deg ?? undefined,
        },
      };
    });
  }
}

function isOlderFix(incoming: Unit, held: Unit): boolean {
  return held.properties.fix_at !== undefined && (incoming.properties.fix_at ?? '') < held.properties.fix_at;
}

function withFixOf(incoming: Unit, held: Unit): Unit {
  const { fix_at, fix_source, fix_accuracy_m, fix_heard_by, speed_mps, course_deg } = held.properties;
  return {
    ...incoming,
    geometry: held.geometry,
    properties: {
      ...incoming.properties,
      fix_at,
      fix_source,
      fix_accuracy_m,
      fix_heard_by,
      speed_mps,
      course_deg,
    },
  };
}
