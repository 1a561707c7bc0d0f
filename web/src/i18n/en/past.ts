import type { past as vi } from '../vi/past';

export const past = {
  title: 'Playback',
  mark: (time: string) => `PLAYBACK · ${time} · not the present`,
  asKnown: 'As it was known then',
  asTrue: 'As it is known now to have been',
  at: 'Moment',
  day: 'Up to',
  span: 'Span',
  spans: { 1: '1 hour', 6: '6 hours', 24: '24 hours', 168: '7 days' } as Record<number, string>,
  play: 'Play',
  pause: 'Pause',
  speed: 'Speed',
  stepBack: '1 minute back',
  stepOn: '1 minute on',
  loading: 'going back…',
  incidents: (count: string) => `Open incidents · ${count}`,
  noIncidents: 'No incident was open then.',
  zones: (count: string) => `Zones in force · ${count}`,
  noZones: 'No zone was in force then.',
  units: (available: string, all: string) => `Units available ${available}/${all}`,
  inside: 'Still inside the danger zones',
} satisfies typeof vi;
