/**
 * What this phone still has to tell the server. Everything a field unit says goes through here, with a link or
 * without: first into the phone's database, then to the server in the order of making; distress goes before all.
 */
import { keptAs } from '../../room';
import { isAbort } from '../../api/client';
import { assignments, evacuation, fixes as fixRequests, incidents, units } from '../../api/endpoints';
import { sendPhoto } from '../../api/photos';
import { Problem } from '../../api/problem';
import type { FixIn } from '../../api/types';
import { uuidV7 } from '../../api/uuid';
import { en } from '../../i18n/en';
import { vi } from '../../i18n/vi';
import { clock } from '../../state/clock.svelte';
import { link } from '../../state/link.svelte';
import { picture } from '../../state/picture.svelte';
import { session } from '../../state/session.svelte';
import { base, type Errand, type OutboxItem } from './store';

const RETRY_MS = 5_000;
const DISTRESS_RETRY_MS = 2_000;
/** Fixes wait so long for company, so that a walking unit makes few requests. */
const FIXES_PAUSE_MS = 3_000;
const FIXES_PER_CALL = 500;
/** More waiting fixes than this (a day without a link) are thinned to every second one. */
const FIXES_MAX = 6_000;
const LOCK = keptAs('trucban-outbox');
/** Answers after which the same request may succeed later. */
const LATER = new Set([401, 408, 425, 429]);

type PhotoErrand = Extract<Errand, { kind: 'photo' }>;
const isPhoto = (item: OutboxItem): boolean => item.errand.kind === 'photo';

export const isDistress = ({ errand }: OutboxItem): boolean =>
  errand.kind === 'status' && errand.body.status === 'distress';

class Outbox {
  items = $state<OutboxItem[]>([]);
  fixCount = $state(0);
  /** Server time at which a distress call was taken in this session of the page. */
  distressTaken_ms = $state<number | null>(null);
  /** True when the browser refuses to keep the outbox over a reload. */
  isVolatile = $state(false);
  isOffline = $state(!navigator.onLine);
  distress = $derived(this.items.find(isDistress));
  /** Bytes of photos that the server has not yet. */
  photoBytes = $derived(
    this.items.reduce(
      (sum, { errand }) => sum + (errand.kind === 'photo' ? errand.size_bytes - errand.sent_bytes : 0),
      0,
    ),
  );
  /** The photo that is on its way lets go for whatever else is to be said. */
  #photo: AbortController | null = null;
  /** Incidents that reports of this page became. */
  #became = new Map<string, string>();
  #isSending = false;
  #mayBeMore = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #fixTimer: ReturnType<typeof setTimeout> | undefined;
  #loading: Promise<void> | null = null;

  /** Reads what the last page left and begins to send; the answer stops it. */
  start(): () => void {
    const online = () => {
      this.isOffline = false;
      void this.flush();
    };
    const offline = () => (this.isOffline = true);
    addEventListener('online', online);
    addEventListener('offline', offline);
    this.#loading ??= this.#read();
    void this.#loading.then(() => this.flush());
    return () => {
      removeEventListener('online', online);
      removeEventListener('offline', offline);
      clearTimeout(this.#timer);
      clearTimeout(this.#fixTimer);
    };
  }

  /**
   * Puts a photo behind its report. False when this device cannot keep it.
   */
  async addPhoto(file: File, report: OutboxItem): Promise<boolean> {
    const id = uuidV7();
    try {
      const held = await base();
      const write = held.transaction('photos', 'readwrite', { durability: 'strict' });
      await write.store.put({ id, file });
      await write.done;
    } catch {
      return false;
    }
    // The report may have gone meanwhile.
    const incident_id = this.#became.get(report.id) ?? null;
    const { name, size: size_bytes } = file;
    await this.#put(id, {
      kind: 'photo',
      report_id: report.id,
      incident_id,
      name,
      size_bytes,
      sent_bytes: 0,
    });
    return true;
  }

  /** Puts an errand into the box and tries to send it at once. */
  async add(errand: Errand): Promise<OutboxItem> {
    return this.#put(uuidV7(), errand);
  }

  async #put(id: string, errand: Errand): Promise<OutboxItem> {
    const item: OutboxItem = {
      id,
      actor: session.actor?.name ?? '',
      made_at: new Date(clock.read_ms()).toISOString(),
      errand,
      state: 'waiting',
      wasTried: false,
      problem: null,
    };
    this.items.push(item);
    this.#count();
    await this.#store(item);
    if (errand.kind !== 'photo') this.#photo?.abort();
    void this.flush();
    return item;
  }

  /** Keeps a fix; fixes are sent together. */
  async addFix(fix: FixIn): Promise<void> {
    try {
      await (await base()).add('fixes', { actor: session.actor?.name ?? '', fix });
      this.fixCount += 1;
      if (this.fixCount > FIXES_MAX) await this.#thin();
    } catch {
      this.isVolatile = true;
      await fixRequests([fix]).catch(() => undefined);
      return;
    }
    this.#fixTimer ??= setTimeout(() => {
      this.#fixTimer = undefined;
      void this.flush();
    }, FIXES_PAUSE_MS);
  }

  /** Drops an item that was not sent. One that is on its way cannot be called back. */
  async drop(id: string): Promise<void> {
    const item = this.items.find((candidate) => candidate.id === id);
    if (!item || item.state === 'sending') return;
    const photos = this.items.filter(({ errand }) => errand.kind === 'photo' && errand.report_id === id);
    for (const one of [item, ...photos]) await this.#remove(one.id);
  }

  /** Sends what waits, if nobody is sending. */
  async flush(): Promise<void> {
    this.#mayBeMore = true;
    if (this.#isSending || !session.actor) return;
    this.#isSending = true;
    clearTimeout(this.#timer);
    try {
      while (this.#mayBeMore) {
        this.#mayBeMore = false;
        await locked(() => this.#sendAll());
      }
    } finally {
      this.#isSending = false;
      this.#again();
    }
  }

  async #sendAll(): Promise<void> {
    for (let next = this.#next(); next; next = this.#next()) if (!(await this.#send(next))) return;
    await this.#sendFixes();
  }

  #next(): OutboxItem | undefined {
    const mine = this.items.filter(
      (item) => item.state === 'waiting' && item.actor === (session.actor?.name ?? ''),
    );
    const ready = ({ errand }: OutboxItem) => errand.kind !== 'photo' || errand.incident_id !== null;
    return mine.find(isDistress) ?? mine.find((item) => !isPhoto(item)) ?? mine.find(ready);
  }

  /** False when there is no link: the rest waits too. */
  async #send(item: OutboxItem): Promise<boolean> {
    item.state = 'sending';
    try {
      await this.#carryOut(item);
      if (isDistress(item)) this.distressTaken_ms = clock.read_ms();
      await this.#remove(item.id);
      return true;
    } catch (thrown) {
      if (isAbort(thrown)) {
        // It made room; it goes on from where it stands.
        item.state = 'waiting';
        await this.#store(item);
        return true;
      }
      const problem = Problem.from(thrown);
      const isLater = problem.isUnknownOutcome || LATER.has(problem.status);
      item.state = isLater ? 'waiting' : 'refused';
      item.wasTried ||= problem.isUnknownOutcome && navigator.onLine;
      item.problem = { vi: problem.vi, en: problem.en };
      await this.#store(item);
      if (!isLater && item.errand.kind === 'report') await this.#orphan(item.id);
      if (problem.status === 401) void session.load();
      return !isLater;
    }
  }

  async #carryOut({ id, errand }: OutboxItem): Promise<void> {
    if (errand.kind === 'report') {
      const { data } = await incidents.report($state.snapshot(errand.body), id);
      picture.take('incidents', data.incident);
      await this.#follow(id, data.incident.id);
    } else if (errand.kind === 'step') {
      const { data } = await assignments.step(errand.assignment_id, { ...errand.body }, { key: id });
      picture.take('assignments', data);
    } else if (errand.kind === 'safe') {
      const { data } = await assignments.heard(errand.assignment_id, { ...errand.body }, { key: id });
      picture.take('assignments', data);
    } else if (errand.kind === 'photo') {
      await this.#sendPhoto(id, errand);
    } else if (errand.kind === 'household') {
      await evacuation.report(errand.household_id, $state.snapshot(errand.body), id);
    } else {
      const { data } = await units.setStatus(errand.unit_id, { ...errand.body }, { key: id });
      picture.take('units', data);
    }
  }

  async #sendPhoto(id: string, errand: PhotoErrand): Promise<void> {
    const found = await (await base()).get('photos', id);
    // Without its bytes, which another tab has sent, there is nothing to do.
    if (!found || errand.incident_id === null) return;
    const making = (this.#photo = new AbortController());
    try {
      await sendPhoto(found.file, {
        id,
        name: errand.name,
        to: { incident_id: errand.incident_id },
        onsent: (bytes) => (errand.sent_bytes = bytes),
        signal: making.signal,
      });
    } finally {
      this.#photo = null;
    }
  }

  /** The photos of a report hang on the incident that it became. */
  async #follow(report_id: string, incident_id: string): Promise<void> {
    this.#became.set(report_id, incident_id);
    for (const item of this.items) {
      if (item.errand.kind !== 'photo' || item.errand.report_id !== report_id) continue;
      item.errand.incident_id = incident_id;
      await this.#store(item);
    }
  }

  /** The photos of a report that was refused hang on nothing. */
  async #orphan(report_id: string): Promise<void> {
    for (const item of this.items) {
      if (item.errand.kind !== 'photo' || item.errand.report_id !== report_id) continue;
      item.state = 'refused';
      item.problem = { vi: vi.field.outbox.reportRefused, en: en.field.outbox.reportRefused };
      await this.#store(item);
    }
  }

  async #sendFixes(): Promise<void> {
    try {
      const held = await base();
      for (;;) {
        const keys = await held.getAllKeys('fixes', null, FIXES_PER_CALL);
        if (keys.length === 0) break;
        const queued = await held.getAll('fixes', null, FIXES_PER_CALL);
        const mine = queued.filter(({ actor }) => actor === (session.actor?.name ?? ''));
        if (mine.length > 0) await this.#postFixes(mine.map(({ fix }) => fix));
        const removal = held.transaction('fixes', 'readwrite');
        await removal.store.delete(IDBKeyRange.bound(keys[0], keys[keys.length - 1]));
        await removal.done;
        this.fixCount = await held.count('fixes');
      }
    } catch {
      // Without a link the fixes stay; without a database there are none.
    }
    this.#count();
  }

  /** A batch that the server refuses as a whole is dropped: sending it again would block all later fixes. */
  async #postFixes(batch: readonly FixIn[]): Promise<void> {
    try {
      await fixRequests(batch);
    } catch (thrown) {
      const problem = Problem.from(thrown);
      if (problem.isUnknownOutcome || LATER.has(problem.status)) throw thrown;
    }
  }

  #again(): void {
    this.#count();
    clearTimeout(this.#timer);
    if (!this.#next() && this.fixCount === 0) return;
    this.#timer = setTimeout(() => void this.flush(), this.distress ? DISTRESS_RETRY_MS : RETRY_MS);
  }

  async #read(): Promise<void> {
    try {
      const held = await base();
      const stored = await held.getAll('outbox');
      const known = new Set(this.items.map(({ id }) => id));
      const former = stored
        .filter(({ id }) => !known.has(id))
        .map((item) =>
          // The page closed while it was being sent: nobody knows whether it arrived.
          item.state === 'sending' ? { ...item, state: 'waiting' as const, wasTried: true } : item,
        );
      this.items = [...former, ...this.items].sort((a, b) => (a.id < b.id ? -1 : 1));
      this.fixCount = await held.count('fixes');
    } catch {
      this.isVolatile = true;
    }
    this.#count();
  }

  async #store(item: OutboxItem): Promise<void> {
    try {
      const held = await base();
      const write = held.transaction('outbox', 'readwrite', { durability: 'strict' });
      await write.store.put($state.snapshot(item) as OutboxItem);
      await write.done;
      this.isVolatile = false;
    } catch {
      this.isVolatile = true;
    }
  }

  async #remove(id: string): Promise<void> {
    this.items = this.items.filter((item) => item.id !== id);
    this.#count();
    await base()
      .then((held) => Promise.all([held.delete('outbox', id), held.delete('photos', id)]))
      .catch(() => undefined);
  }

  async #thin(): Promise<void> {
    const held = await base();
    const keys = await held.getAllKeys('fixes');
    const removal = held.transaction('fixes', 'readwrite');
    for (const key of keys.filter((_, index) => index % 2 === 1)) void removal.store.delete(key);
    await removal.done;
    this.fixCount = await held.count('fixes');
  }

  #count(): void {
    link.setUnsent('outbox', this.items.length);
  }
}

/** One tab of this device sends at a time; keys make a double sending harmless where locks are missing. */
async function locked(run: () => Promise<void>): Promise<void> {
  if (!navigator.locks) return run();
  await navigator.locks.request(LOCK, run);
}

export const outbox = new Outbox();
