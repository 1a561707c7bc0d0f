/**
 * The page's copy of the live picture. The feed opens first; while the collections are being read its events wait,
 * then they are applied in order, so that no change falls between the two.
 */
import { items } from '../api/endpoints';
import type { FeedEvent } from '../api/feed';
import { Problem } from '../api/problem';
import { runSharedFeed } from '../api/share';
import type {
  Alarm,
  Assignment,
  CollectionName,
  Contact,
  Feature,
  Incident,
  LogEntry,
  RoadClosure,
  Shelter,
  Zone,
} from '../api/types';
import { clock } from './clock.svelte';
import { link } from './link.svelte';
import { LiveCollection, LiveUnits } from './live.svelte';
import { session } from './session.svelte';

/** Changes of these are heard but not kept: the map reads them as tiles, or a panel asks for them. */
const HEARD: readonly CollectionName[] = [
  'households',
  'decisions',
  'information_requests',
  'places',
  'stations',
  'roads',
  'risk_levels',
  'rain_days',
  'rain_gauges',
  'rain_grids',
  'bulletins',
  'warnings',
  'attachments',
  'shifts',
  'cases',
  'sector_assessments',
  'areas_of_concern',
  'event_plans',
];
/** Of these, what is over is not kept. */
const ENDING: ReadonlySet<CollectionName> = new Set(['assignments', 'alarms', 'road_closures']);
/** How far back the duty log is read at the start. */
const LOG_HOURS = 48;
/** Most events that wait while the collections are read; more than that is cheaper to read again. */
const WAITING_MAX = 5_000;

/** How long the first reading waits for the feed to open. */
const FEED_WAIT_MS = 1_500;

/** Pause before what failed, or missed something, is read again. */
const AGAIN_MS = 2_000;

/** How often the silence of the line is measured. */
const WATCH_MS = 5_000;

type Listener = (collection: CollectionName, id: string) => void;

class Picture {
  readonly incidents = new LiveCollection<Incident>('incidents');
  readonly units = new LiveUnits();
  readonly zones = new LiveCollection<Zone>('risk_zones');
  readonly shelters = new LiveCollection<Shelter>('shelters');
  readonly log = new LiveCollection<LogEntry>('duty_log');
  readonly contacts = new LiveCollection<Contact>('contacts');
  /** Those that are not over. */
  readonly assignments = new LiveCollection<Assignment>('assignments');
  /** Those that are not over, taken or not. */
  readonly alarms = new LiveCollection<Alarm>('alarms');
  /** Roads that are closed or slow, now or later. */
  readonly closures = new LiveCollection<RoadClosure>('road_closures');
  seq = $state(0);
  problem = $state<Problem | null>(null);
  /** Server time at which the whole picture was last read, Unix milliseconds. */
  loaded_ms = $state<number | null>(null);

  #waiting: FeedEvent[] | null = null;
  #isStale = true;
  #run: AbortController | null = null;
  #watch: ReturnType<typeof setInterval> | undefined;
  #listeners = new Set<Listener>();

  /** Starts reading; calling it again changes nothing. */
  start(): void {
    if (this.#run) return;
    this.#run = new AbortController();
    void runSharedFeed({
      collections: [...this.#kept().keys(), ...HEARD],
      hear: (event) => this.#hear(event),
      signal: this.#run.signal,
    });
    this.#watch = setInterval(() => link.watch(), WATCH_MS);
    // Without a feed the lists are still worth showing; they count as stale until the line opens.
    setTimeout(() => {
      if (this.loaded_ms === null && !this.#waiting) void this.reload();
    }, FEED_WAIT_MS);
  }

  stop(): void {
    this.#run?.abort();
    clearInterval(this.#watch);
    this.#run = null;
  }

  /** Calls `listener` for each change of any record, also of those drawn from tiles. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a record that a write of this page brought back, without waiting for the feed. */
  take(collection: CollectionName, feature: Feature<object>): void {
    const kept = this.#kept().get(collection);
    const isOver = ENDING.has(collection) && 'ended_at' in feature.properties;
    if (isOver) kept?.remove(feature.id);
    else kept?.put(feature);
    for (const listener of this.#listeners) listener(collection, feature.id);
  }

  /** Reads every collection again; the old content stays in view meanwhile. */
  async reload(): Promise<void> {
    if (this.#waiting) {
      this.#isStale = true;
      return;
    }
    this.#waiting = [];
    this.#isStale = false;
    link.isLoading = true;
    // The line opens while the first reading goes on: what was read before that may miss a change.
    let pause_ms = this.loaded_ms === null ? 0 : AGAIN_MS;
    try {
      await Promise.all([...this.#kept().values()].map((kept) => this.#readOne(kept)));
      this.problem = null;
      this.loaded_ms = clock.read_ms();
      link.isLoading = false;
    } catch (thrown) {
      this.problem = Problem.from(thrown);
      this.#isStale = true;
      pause_ms = AGAIN_MS;
      if (this.problem.code === 'sign_in_required') await session.load();
    }
    const waited = this.#waiting ?? [];
    this.#waiting = null;
    for (const event of waited) this.#apply(event);
    if (this.#isStale && link.phase === 'live') setTimeout(() => void this.reload(), pause_ms);
  }

  #kept(): Map<CollectionName, LiveCollection<Feature<object>>> {
    const all = [
      this.incidents,
      this.units,
      this.zones,
      this.shelters,
      this.log,
      this.contacts,
      this.assignments,
      this.alarms,
      this.closures,
    ];
    return new Map(all.map((kept) => [kept.name, kept as unknown as LiveCollection<Feature<object>>]));
  }

  async #readOne(kept: LiveCollection<Feature<object>>): Promise<void> {
    const parameters: Record<string, string> = {};
    if (kept.name === 'duty_log') {
      parameters.datetime = `${new Date(clock.read_ms() - LOG_HOURS * 3_600_000).toISOString()}/..`;
    }
    kept.replace((await items(kept.name, parameters)).features);
  }

  #hear(event: FeedEvent): void {
    if (event.type === 'lost') {
      link.lost();
      if (event.status === 401) void session.load();
      return;
    }
    link.heard();
    if (event.type === 'tick') {
      clock.set(event.server_time);
      link.stale = event.stale;
    }
    if (event.type === 'open') {
      if (this.#isStale || !event.isResumed) void this.reload();
      return;
    }
    this.seq = Math.max(this.seq, event.seq);
    if (event.type === 'reset') {
      void this.reload();
    } else if (this.#waiting && event.type !== 'tick') {
      this.#waiting.push(event);
      if (this.#waiting.length > WAITING_MAX) {
        this.#waiting = [];
        this.#isStale = true;
      }
    } else {
      this.#apply(event);
    }
  }

  #apply(event: FeedEvent): void {
    if (event.type === 'positions') {
      for (const update of event.units) this.units.move(update);
      return;
    }
    if (event.type !== 'change' && event.type !== 'gone') return;
    const kept = this.#kept().get(event.collection);
    const id = event.type === 'change' ? event.feature.id : event.id;
    const isOver =
      event.type === 'change' &&
      event.collection === 'road_closures' &&
      'ended_at' in event.feature.properties;
    if (event.type === 'change' && !isOver) kept?.put(event.feature);
    else kept?.remove(id);
    for (const listener of this.#listeners) listener(event.collection, id);
  }
}

export const picture = new Picture();
