/** What the officer writes for a step of an incident; only what was changed goes into the body. */
import type { Incident, Severity } from '../../api/types';
import type { Verb } from './actions';

export const COUNTS = ['dead', 'missing', 'injured', 'rescued'] as const;
type Counts = Record<(typeof COUNTS)[number], number | null>;

function countsOf({ properties }: Incident): Counts {
  const { dead = null, missing = null, injured = null, rescued = null } = properties;
  return { dead, missing, injured, rescued };
}

export class Step {
  /** Whose form is open; `null` while it is put aside. */
  verb = $state<Verb | null>(null);
  text = $state('');
  reason = $state('');
  outcome = $state('resolved');
  agency = $state('');
  record_no = $state('');
  into = $state('');
  severity = $state<Severity | undefined>();
  readonly counts = $state<Counts>({ dead: null, missing: null, injured: null, rescued: null });
  /** The figures as they were shown when the writing began: what others change meanwhile is not set back. */
  readonly #start: { severity: Severity | undefined; counts: Counts };

  constructor(incident: Incident) {
    this.#start = { severity: incident.properties.severity, counts: countsOf(incident) };
    this.severity = this.#start.severity;
    Object.assign(this.counts, this.#start.counts);
  }

  body(): object {
    const text = this.text.trim();
    const optional = text === '' ? {} : { text };
    switch (this.verb) {
      case 'reject':
      case 'reopen':
        return { reason: this.reason.trim() };
      case 'close':
        return { outcome: this.outcome, ...optional };
      case 'handover':
        return { agency: this.agency.trim(), record_no: this.record_no.trim(), ...optional };
      case 'merge':
        return { into: this.into };
      case 'update': {
        const { severity, counts } = this.#start;
        const changed = COUNTS.filter((name) => this.counts[name] !== counts[name]);
        return {
          text,
          ...(this.severity && this.severity !== severity ? { severity: this.severity } : {}),
          ...Object.fromEntries(changed.map((name) => [name, this.counts[name] ?? 0])),
        };
      }
      default:
        return optional;
    }
  }
}
