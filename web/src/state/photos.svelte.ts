/** Photos that this page is sending, one after the other. */
import { sendPhoto, type PhotoTarget } from '../api/photos';
import { Problem } from '../api/problem';
import type { UploadAnswer } from '../api/types';
import { uuidV7 } from '../api/uuid';

export interface Sending {
  id: string;
  to: PhotoTarget;
  /** The incident in whose detail it is shown. */
  incident_id: string | undefined;
  name: string;
  size_bytes: number;
  sent_bytes: number;
  problem: Problem | null;
}

/** A place that a photo offers for its incident. */
export interface Offer {
  id: string;
  incident_id: string;
  name: string;
  lon: number;
  lat: number;
}

class Photos {
  sending = $state<Sending[]>([]);
  offers = $state<Offer[]>([]);
  #files = new Map<string, File>();
  #isBusy = false;

  /** Sends photos, whatever else goes on in the page. */
  send(files: readonly File[], to: PhotoTarget, incident_id?: string): void {
    for (const file of files) {
      const id = uuidV7();
      this.#files.set(id, file);
      const { name, size } = file;
      this.sending.push({ id, to, incident_id, name, size_bytes: size, sent_bytes: 0, problem: null });
    }
    void this.#run();
  }

  again(id: string): void {
    const one = this.sending.find((sending) => sending.id === id);
    if (one) one.problem = null;
    void this.#run();
  }

  drop(id: string): void {
    this.sending = this.sending.filter((sending) => sending.id !== id);
    this.#files.delete(id);
  }

  dismiss(id: string): void {
    this.offers = this.offers.filter((offer) => offer.id !== id);
  }

  async #run(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const next = () => this.sending.find(({ problem }) => !problem);
    for (let one = next(); one; one = next()) {
      const file = this.#files.get(one.id);
      if (!file) break;
      try {
        const { id, to, name } = one;
        const sending = one;
        const became = await sendPhoto(file, {
          id,
          name,
          to,
          onsent: (bytes) => (sending.sent_bytes = bytes),
        });
        this.#offer(one, became);
        this.drop(one.id);
      } catch (thrown) {
        one.problem = Problem.from(thrown);
      }
    }
    this.#isBusy = false;
  }

  #offer({ id, incident_id, name }: Sending, { exif_position }: UploadAnswer): void {
    if (!exif_position || !incident_id) return;
    this.offers.push({ id, incident_id, name, ...exif_position });
  }
}

export const photos = new Photos();
