/** Short messages about what a person just did, newest first. They take no focus, and few stand over the page at once. */
import { Problem } from '../api/problem';
import { settings } from './settings.svelte';

export interface Toast {
  id: number;
  text: string;
  kind: 'done' | 'problem';
}

const SHOWN_MS = { done: 4_000, problem: 12_000 };
/** More would cover half of a telephone. */
const TOASTS_MAX = 2;

class Toasts {
  list = $state<Toast[]>([]);
  #next = 1;

  say(text: string): void {
    this.#add(text, 'done');
  }

  /** Says what went wrong, in the words of the server. */
  problem(thrown: unknown): void {
    this.#add(Problem.from(thrown).in(settings.language), 'problem');
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  #add(text: string, kind: Toast['kind']): void {
    const id = this.#next++;
    this.list = [{ id, text, kind }, ...this.list].slice(0, TOASTS_MAX);
    setTimeout(() => this.close(id), SHOWN_MS[kind]);
  }
}

export const toasts = new Toasts();
