/** One sheet on its way in: looked at again after each choice, written once, undone if need be. */
import { imports, schemaOf } from '../../api/endpoints';
import { Problem } from '../../api/problem';
import type { components } from '../../api/schema';
import type { CollectionName } from '../../api/types';

export type Looked = components['schemas']['ImportAnswer'];
export type Format = '' | 'dmy' | 'mdy' | 'comma';

/** What people keep in sheets, the most common first. */
export const COLLECTIONS = [
  'households',
  'units',
  'shelters',
  'contacts',
  'places',
  'stations',
  'admin_units',
  'roads',
  'rivers',
  'border_sectors',
  'rain_gauges',
  'risk_zones',
  'incidents',
] as const satisfies readonly CollectionName[];

/** Records of these never end, so that their import cannot be undone. */
const LASTING: readonly CollectionName[] = ['incidents'];

export const SYSTEMS = ['', 'EPSG:4326', 'EPSG:9205'] as const;

/** What a person said of a column. */
interface Choice {
  field: string;
  format: Format;
}

interface Source {
  name: string;
  body: Blob;
}

class Importing {
  collection = $state<CollectionName>('households');
  crs = $state<string>('');
  /** The numbers of the sheet said which system it is, nobody else. */
  isCrsGuessed = $state(false);
  source = $state.raw<Source | null>(null);
  choices = $state<Record<string, Choice>>({});
  /** What the server found, nothing written. */
  looked = $state.raw<Looked | null>(null);
  /** What the server did. */
  taken = $state.raw<Looked | null>(null);
  fields = $state.raw<readonly string[]>([]);
  problem = $state.raw<Problem | null>(null);
  work = $state<'looking' | 'taking' | null>(null);
  goodRows = $derived(this.looked ? this.looked.created + this.looked.updated : 0);
  canBeUndone = $derived(!LASTING.includes(this.collection));
  /** A choice was made while the server was still reading: it takes one file at a time. */
  #isOutdated = false;

  /** Begins with a file or with what was pasted. */
  begin(name: string, body: Blob): void {
    this.source = { name, body };
    this.#forget();
    void this.look();
  }

  setCollection(collection: CollectionName): void {
    this.collection = collection;
    this.#forget();
    void this.look();
  }

  setCrs(crs: string): void {
    this.crs = crs;
    this.isCrsGuessed = false;
    void this.look();
  }

  choose(column: string, choice: Choice): void {
    this.choices = { ...this.choices, [column]: choice };
    void this.look();
  }

  /** Back to an empty page. */
  clear(): void {
    this.source = null;
    this.#forget();
  }

  #forget(): void {
    this.choices = {};
    this.looked = null;
    this.taken = null;
    this.problem = null;
    if (this.isCrsGuessed) this.crs = '';
    this.isCrsGuessed = false;
  }

  /** Reads the sheet as it would be imported. */
  async look(): Promise<void> {
    this.taken = null;
    if (!this.source) return;
    if (this.work) {
      this.#isOutdated = true;
      return;
    }
    this.work = 'looking';
    do {
      this.#isOutdated = false;
      await this.#lookOnce(this.source);
    } while (this.#isOutdated);
    this.work = null;
  }

  async #lookOnce(source: Source): Promise<void> {
    try {
      const [looked, fields] = await Promise.all([this.#send(source, true), fieldsOf(this.collection)]);
      this.looked = looked;
      this.fields = fields;
      this.problem = null;
      if (looked.crs_guess && this.crs === '') {
        this.crs = looked.crs_guess;
        this.isCrsGuessed = true;
        this.#isOutdated = true;
      }
    } catch (thrown) {
      this.looked = null;
      this.problem = Problem.from(thrown);
    }
  }

  /** Writes the good rows; whether it was done. */
  async take(): Promise<boolean> {
    if (!this.source || this.work) return false;
    this.work = 'taking';
    try {
      this.taken = await this.#send(this.source, false);
      this.problem = null;
      return this.taken.written;
    } catch (thrown) {
      this.problem = Problem.from(thrown);
      return false;
    } finally {
      this.work = null;
    }
  }

  #send({ name, body }: Source, isDryRun: boolean): Promise<Looked> {
    const query = new URLSearchParams({ collection: this.collection, name, skip_bad: 'true' });
    if (isDryRun) query.set('dry_run', 'true');
    if (this.crs) query.set('crs', this.crs);
    for (const [column, { field, format }] of Object.entries(this.choices))
      query.append('map', `${column}=${field}${format ? `:${format}` : ''}`);
    return imports.send(body, query);
  }

  /** The column of the sheet that is at fault; problems name the field. */
  columnOf(field: string | null | undefined): string {
    if (!field) return '';
    const bare = field.replace(/^geometry.*/, 'lon');
    const column = this.looked?.columns.find((one) => one.name === field || one.field === bare);
    return column?.name ?? field;
  }
}

const known = new Map<CollectionName, Promise<readonly string[]>>();

/** The fields that a sheet may fill. */
function fieldsOf(collection: CollectionName): Promise<readonly string[]> {
  const held = known.get(collection);
  if (held) return held;
  const asked = schemaOf(collection).then(({ properties }) =>
    Object.entries(properties)
      .filter(([name, { readOnly }]) => !readOnly && !['geometry', 'extra', 'ended_at'].includes(name))
      .map(([name]) => name),
  );
  known.set(collection, asked);
  asked.catch(() => known.delete(collection));
  return asked;
}

export const importing = new Importing();
