/** The reference ground as far as words need it: names of communes, stations, sectors. Read once, on demand. */
import { item, items } from '../api/endpoints';
import type { AdminUnit, Feature } from '../api/types';

/** Box of a record as [minlon, minlat, maxlon, maxlat]. */
export type Box = [number, number, number, number];

type Named = Feature<{ name: string; kind?: string }>;

class Ground {
  /** Communes and wards in force, by code. */
  communes = $state.raw<ReadonlyMap<string, AdminUnit>>(new Map());
  stations = $state.raw<ReadonlyMap<string, Named>>(new Map());
  #sectors = $state.raw<ReadonlyMap<string, string>>(new Map());
  #asked = new Set<string>();
  #loading: Promise<void> | null = null;

  /** Reads communes and stations; a failed reading is tried again at the next call. */
  load(): Promise<void> {
    this.#loading ??= this.#read().catch(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #read(): Promise<void> {
    const [communes, stations] = await Promise.all([
      items<AdminUnit>('admin_units', { kind: 'commune,ward' }),
      items<Named>('stations'),
    ]);
    this.communes = new Map(
      communes.features
        .filter((unit) => !unit.properties.valid_to)
        .map((unit) => [unit.properties.code, unit]),
    );
    this.stations = new Map(stations.features.map((station) => [station.id, station]));
  }

  /** "Xã Bum Nưa" for a code; the code itself while the name is not known. */
  communeName(code: string | null | undefined): string {
    if (!code) return '';
    const unit = this.communes.get(code);
    return unit?.properties.full_name ?? unit?.properties.name ?? code;
  }

  stationName(id: string | null | undefined): string {
    return (id && this.stations.get(id)?.properties.name) || '';
  }

  /** Name of a border sector; empty until it has been read. */
  sectorName(id: string | null | undefined): string {
    if (!id) return '';
    if (!this.#asked.has(id)) {
      this.#asked.add(id);
      item<Named>('border_sectors', id).then(
        (sector) => (this.#sectors = new Map(this.#sectors).set(id, sector.properties.name)),
        () => this.#asked.delete(id),
      );
    }
    return this.#sectors.get(id) ?? '';
  }
}

export const ground = new Ground();
