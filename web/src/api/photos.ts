/**
 * Photos on their way to the server (tus 1.0.0): piece by piece, so that a cut costs one piece at most, and so that what
 * is more urgent goes between two of them.
 */
import { call, read } from './client';
import { Problem } from './problem';
import type { UploadAnswer } from './types';

/** What the server takes, for the choice of files. Telephones that make HEIC give JPEG to a page that asks for this. */
export const PHOTO_TYPES = 'image/jpeg,image/png,image/webp';

/** A piece: some seconds over a weak link. */
const PIECE_BYTES = 256 * 1024;
/** Over a good link pieces grow, since each is made durable before the next. */
const PIECE_BYTES_MAX = 4 * 1024 * 1024;
const QUICK_MS = 1_500;
const BEGIN_TIMEOUT_MS = 20_000;
const PIECE_TIMEOUT_MS = 120_000;
/** How often the server may say that it stands elsewhere, before something else must be wrong. */
const CORRECTIONS_MAX = 5;
/** How often an upload is begun anew that the server does not know (another one answers, or a day has gone by). */
const BEGINNINGS_MAX = 3;
const TUS = { 'Tus-Resumable': '1.0.0' };

export type PhotoTarget = { incident_id: string } | { log_entry_id: string };

interface SendOptions {
  /** Under this id the same upload is found again, after a cut or a reload too. */
  id: string;
  name: string;
  to: PhotoTarget;
  /** Bytes that the server has. */
  onsent?: (bytes: number) => void;
  signal?: AbortSignal;
}

/**
 * Sends a photo, or what the server has not of it; the answer says which attachment it became and where it was taken.
 * @throws {Problem} with what came by then kept on the server; the signal's reason if that was aborted.
 */
export async function sendPhoto(file: Blob, options: SendOptions): Promise<UploadAnswer> {
  for (let beginning = 1; ; beginning += 1) {
    const { address, offset } = await begin(file, options);
    try {
      await sendRest(file, address, offset, options);
      return await read<UploadAnswer>(address, {}, options.signal);
    } catch (thrown) {
      const isUnknown = thrown instanceof Problem && thrown.status === 404;
      if (!isUnknown || beginning >= BEGINNINGS_MAX) throw thrown;
    }
  }
}

/** Says what shall come; where it goes, and how much of it is there already. */
async function begin(file: Blob, { id, name, to, signal }: SendOptions) {
  const told = { ...to, id, filename: name, ...(file.type ? { filetype: file.type } : {}) };
  const begun = await call(
    '/api/uploads',
    {
      method: 'POST',
      headers: { ...TUS, 'Upload-Length': String(file.size), 'Upload-Metadata': metadata(told) },
    },
    BEGIN_TIMEOUT_MS,
    signal,
  );
  return { address: begun.headers.get('Location') ?? '', offset: offsetIn(begun) };
}

async function sendRest(
  file: Blob,
  address: string,
  from: number,
  { onsent, signal }: SendOptions,
): Promise<void> {
  let offset = from;
  let piece = PIECE_BYTES;
  let corrections = 0;
  while (offset < file.size) {
    onsent?.(offset);
    const began_ms = performance.now();
    const headers = {
      ...TUS,
      'Upload-Offset': String(offset),
      'Content-Type': 'application/offset+octet-stream',
    };
    const init = { method: 'PATCH', headers, body: file.slice(offset, offset + piece) };
    try {
      offset = offsetIn(await call(address, init, PIECE_TIMEOUT_MS, signal));
    } catch (thrown) {
      const stands = thrown instanceof Problem && thrown.code === 'wrong_offset' ? thrown.extra.offset : null;
      if (typeof stands !== 'number' || (corrections += 1) > CORRECTIONS_MAX) throw thrown;
      offset = stands;
    }
    const isQuick = performance.now() - began_ms < QUICK_MS;
    piece = isQuick ? Math.min(piece * 2, PIECE_BYTES_MAX) : PIECE_BYTES;
  }
  onsent?.(file.size);
}

const offsetIn = (answer: Response): number => Number(answer.headers.get('Upload-Offset') ?? 0);

function metadata(told: Record<string, string>): string {
  return Object.entries(told)
    .map(([key, value]) => `${key} ${base64(value)}`)
    .join(',');
}

function base64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''));
}

/** The photos among files that were chosen, dropped or pasted. */
export function photosIn(files: FileList | null | undefined): File[] {
  return [...(files ?? [])].filter((file) => file.type.startsWith('image/'));
}
