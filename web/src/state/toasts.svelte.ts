/** Short messages about what a person just did. They take no focus and cover no list. */
import { Problem } from '../api/problem';
import { settings } from './settings.svelte';

export interface Toast {
  id: number;
  text: string;
  kind: 'done' | 'problem';
}

const SHOWN_MS = { done: 4_000, problem: 12_000 };
const TOASTS_MAX = 4;

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
    this.list = [...this.list.slice(1 - TOASTS_MAX), { id, text, kind }];
    setTimeout(() => this.close(id), SHOWN_MS[kind]);
  }
}

export const toasts = new Toasts();
