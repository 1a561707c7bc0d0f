/** Every request that the pages make, by name. */
import { inRoom } from '../room';
import { ask, read, upload, write, type Answer, type WriteOptions } from './client';
import type { components } from './schema';
import type * as T from './types';
import { uuidV7 } from './uuid';

type Schemas = components['schemas'];

type Parameters = Record<string, string | number | boolean | null | undefined>;
type Key = Pick<WriteOptions, 'key'>;
type Seen = Pick<WriteOptions, 'key' | 'version'>;

export const session = {
  read: () => read<T.SessionAnswer>('/api/session'),
  signIn: (name: string, password: string) => write<T.SessionAnswer>('/api/session', { name, password }),
  enter: (actor: string) => write<T.SessionAnswer>('/api/session', { actor }),
  leave: () => write<T.SessionAnswer>('/api/session', undefined, { method: 'DELETE' }),
  beginAtProvider: () => write<Schemas['OidcStart']>('/api/oidc/start', {}),
  endAtProvider: (given: T.ProviderReturn) => write<T.SessionAnswer>('/api/oidc/finish', given),
};

/** Accounts, sessions, devices and grants. */
export const accounts = {
  /** By a link that works once: the first administrator, or the password of an account. */
  setUp: (call: Schemas['SetUpCall']) => write<Schemas['SetUp']>('/api/setup', call),
  enrol: (code: string) => write<Schemas['Enrolled']>('/api/devices/enrol', { code }),
  mySessions: () => read<Schemas['MySessions']>('/api/me/sessions'),
  endMySession: (id: string) => write<unknown>(`/api/me/sessions/${id}`, undefined, { method: 'DELETE' }),
  endMySessions: () => write<unknown>('/api/me/sessions', undefined, { method: 'DELETE' }),
  myTokens: () => read<Schemas['MyTokens']>('/api/me/tokens'),
  makeToken: (label: string) => write<T.MadeToken>('/api/me/tokens', { label }),
  revokeMyToken: (id: string) => write<unknown>(`/api/me/tokens/${id}`, undefined, { method: 'DELETE' }),
  changePassword: (current: string, password: string) =>
    write<unknown>('/api/me/password', { current, password }, { method: 'PUT' }),

  list: () => read<Schemas['Accounts']>('/api/accounts'),
  add: (account: T.NewAccount) => write<T.PasswordLink>('/api/accounts', account),
  setDisabled: (name: string, disabled: boolean) =>
    write<T.Account>(`/api/accounts/${encodeURIComponent(name)}`, { disabled }, { method: 'PATCH' }),
  reset: (name: string) => write<T.PasswordLink>(`/api/accounts/${encodeURIComponent(name)}/reset`, {}),

  devices: () => read<Schemas['Devices']>('/api/devices'),
  giveCode: (call: Schemas['EnrolmentCall']) => write<T.Enrolment>('/api/devices', call),
  revokeDevice: (id: string) => write<unknown>(`/api/devices/${id}`, undefined, { method: 'DELETE' }),

  grants: () => read<Schemas['Grants']>('/api/grants'),
  share: (grant: T.NewGrant) => write<T.Grant>('/api/grants', grant),
  revokeGrant: (id: string) => write<unknown>(`/api/grants/${id}`, undefined, { method: 'DELETE' }),
  breakGlass: (communes: string[], purpose: string) =>
    write<T.Grant>('/api/break-glass', { collection: 'households', area: { parts: { communes } }, purpose }),
};

/** Files of records, and taking one back. */
export const imports = {
  /** Reads the file; `dry_run` in the query writes nothing. */
  send: (file: Blob, query: URLSearchParams) => upload<Schemas['ImportAnswer']>('/api/imports', query, file),
  undo: (id: string) => write<Schemas['UndoneAnswer']>(`/api/imports/${id}/undo`, {}),
};

/** Tips: the intake, the informant's way back, and the handler's side. */
export const tips = {
  intake: () => read<T.TipIntake>('/api/tip'),
  /** `key` is one for all attempts of the same tip: another attempt is answered as the first was. */
  take: (tip: Schemas['TipCall'], key: string) => write<T.TakenTip>('/api/tip', tip, { key }),
  followUp: (call: Schemas['FollowUpCall']) => write<Schemas['FollowUpAnswer']>('/api/tip/follow-up', call),

  list: () => read<Schemas['Tips']>('/api/tips'),
  change: (id: string, version: number, patch: Schemas['TipPatch']) =>
    write<T.Tip>(`/api/tips/${id}`, patch, { method: 'PATCH', version }),
  answer: (id: string, text: string) => write<unknown>(`/api/tips/${id}/answers`, { text }),
  promote: (id: string, version: number, call: Schemas['PromoteCall']) =>
    write<Schemas['Promoted']>(`/api/tips/${id}/promote`, call, { version }),
  figures: (from: string, to: string) => read<Schemas['TipFigures']>('/api/tips/figures', { from, to }),

  unsealings: () => read<Schemas['Unsealings']>('/api/tips/unsealings'),
  askToUnseal: (id: string, reason: string) => write<T.Unsealing>(`/api/tips/${id}/unsealings`, { reason }),
  confirm: (id: string) => write<T.Unsealing>(`/api/tips/unsealings/${id}/confirm`, {}),
  unseal: (id: string, passphrase: string) => write<T.Unsealed>(`/api/tips/${id}/unseal`, { passphrase }),
};

/** The fields of a collection; those of people are marked. */
export const schemaOf = (name: T.CollectionName) =>
  read<{ properties: Record<string, { description?: string; 'x-personal'?: boolean; readOnly?: boolean }> }>(
    `/api/collections/${name}/schema`,
  );

const collection = (name: T.CollectionName) => `/api/collections/${name}/items`;

export function items<F extends T.Feature<object>>(
  name: T.CollectionName,
  parameters: Parameters = {},
  signal?: AbortSignal,
): Promise<T.FeaturePage<F>> {
  return read(collection(name), { limit: 10_000, ...parameters }, signal);
}

export function item<F extends T.Feature<object>>(
  name: T.CollectionName,
  id: string,
  signal?: AbortSignal,
): Promise<F> {
  return read(`${collection(name)}/${id}`, {}, signal);
}

export function create<F extends T.Feature<object>>(
  name: T.CollectionName,
  geometry: T.Geometry | null,
  properties: object,
  options: Key & { id?: string } = {},
): Promise<Answer<F>> {
  const { id, ...rest } = options;
  return write(collection(name), { type: 'Feature', ...(id ? { id } : {}), geometry, properties }, rest);
}

export function change<F extends T.Feature<object>>(
  name: T.CollectionName,
  id: string,
  version: number,
  patch: { geometry?: T.Geometry | null; properties?: object },
  key?: string,
): Promise<Answer<F>> {
  return write(`${collection(name)}/${id}`, patch, { method: 'PATCH', version, ...(key ? { key } : {}) });
}

/** Ends a record; what it was stays in the journal. */
export function remove(
  name: T.CollectionName,
  id: string,
  version: number,
  key?: string,
): Promise<Answer<unknown>> {
  return write(`${collection(name)}/${id}`, undefined, {
    method: 'DELETE',
    version,
    ...(key ? { key } : {}),
  });
}

export type ReportBody = Schemas['ReportCall'];

/** Where to look for the same incident: about a point, or in a commune where no more is known. */
export type SimilarPlace = { lon: number; lat: number; accuracy_m?: number } | { commune_code: string };

export const incidents = {
  report: (body: ReportBody, key: string) => write<T.Reported>('/api/incidents', body, { key }),
  /** Any verb that answers with the incident: verify, reject, merge, start, close … */
  verb: (id: string, verb: string, body: Schemas['VerbCall'], options: Seen) =>
    write<T.Incident>(`/api/incidents/${id}/${verb}`, body, options),
  addCaller: (id: string, caller: Pick<Schemas['VerbCall'], 'phone' | 'name' | 'text'>, key: string) =>
    write<T.Incident>(`/api/incidents/${id}/callers`, caller, { key }),
  /** `advice_id` names the recommendation that was on the screen: it is kept with the order. */
  assign: (id: string, body: Pick<Schemas['AssignCall'], 'unit_id' | 'advice_id'>, options: Seen) =>
    write<T.AssignmentAnswer>(`/api/incidents/${id}/assignments`, body, options),
  release: (id: string, unit_id: string, options: Seen) =>
    write<T.AssignmentAnswer>(`/api/incidents/${id}/assignments/${unit_id}`, undefined, {
      ...options,
      method: 'DELETE',
    }),
  log: (id: string, signal?: AbortSignal) =>
    read<T.FeaturePage<T.LogEntry>>(`/api/incidents/${id}/log`, {}, signal),
  recommendation: (id: string, limit: number, signal?: AbortSignal) =>
    read<T.Recommendation>(`/api/incidents/${id}/recommendation`, { limit }, signal),
  similar: (kind: string, where: SimilarPlace, signal?: AbortSignal) =>
    read<T.FeaturePage<T.NearFeature<T.Incident>>>('/api/similar', { kind, ...where }, signal),
};

export const assignments = {
  /** What the unit says, or has said for it. */
  step: (id: string, body: Schemas['StepCall'], options: Key = {}) =>
    write<T.Assignment>(`/api/assignments/${id}/steps`, body, options),
  /** What a duty officer decides. */
  decide: (id: string, body: Schemas['DecisionCall'], options: Key = {}) =>
    write<T.Assignment>(`/api/assignments/${id}/decisions`, body, options),
  /** The unit was heard of, or says until when it will be out of coverage. */
  heard: (id: string, body: Schemas['AccountabilityCall'], options: Key = {}) =>
    write<T.Assignment>(`/api/assignments/${id}/accountability`, body, options),
};

export const alarms = {
  acknowledge: (id: string, options: Key = {}) =>
    write<T.Alarm>(`/api/alarms/${id}/acknowledge`, {}, options),
};

export const units = {
  setStatus: (id: string, body: Schemas['StatusCall'], options: Seen) =>
    write<T.Unit>(`/api/units/${id}/status`, body, options),
  setPlace: (id: string, body: Schemas['PositionCall'], options: Key = {}) =>
    write<T.Unit>(`/api/units/${id}/position`, body, options),
};

export const zones = {
  /** What was computed, what the hydromet service issued, what somebody set. */
  levels: (id: string, signal?: AbortSignal) =>
    read<T.ZoneLevels>(`/api/risk_zones/${id}/levels`, {}, signal),
  setLevel: (id: string, body: Schemas['SetLevelCall'], options: Seen) =>
    write<T.Zone>(`/api/risk_zones/${id}/level`, body, options),
  approve: (id: string, body: Schemas['ApproveZoneCall'], options: Seen) =>
    write<T.Zone>(`/api/risk_zones/${id}/approve`, body, options),
  end: (id: string, reason: string, options: Seen) =>
    write<T.Zone>(`/api/risk_zones/${id}/end`, { reason }, options),
};

/** Levels of border sectors. */
export const border = {
  levels: (signal?: AbortSignal) => read<T.BorderBoard>('/api/border_sectors/levels', {}, signal),
  propose: (sector: string, body: Schemas['ProposeLevelCall'], key: string) =>
    write<T.SectorAssessment>(`/api/border_sectors/${sector}/assessments`, body, { key }),
  decide: (id: string, verb: 'agree' | 'refuse', body: Schemas['DecideLevelCall'], options: Seen) =>
    write<T.SectorAssessment>(`/api/sector_assessments/${id}/${verb}`, body, options),
};

export const warnings = {
  /** All messages of a zone, those that are over too. */
  of: (zone: string, signal?: AbortSignal) =>
    items<T.Warning>('warnings', { zone_id: zone, ended: true, limit: 200 }, signal),
  send: (zone: string, body: Schemas['WarnCall'], key: string) =>
    write<T.Warning>(`/api/risk_zones/${zone}/warnings`, body, { key }),
  run: (
    id: string,
    verb: 'release' | 'withdraw' | 'update' | 'cancel' | 'all_clear',
    body: Schemas['WarningVerbCall'],
    key: string,
  ) => write<T.Warning>(`/api/warnings/${id}/${verb}`, body, { key }),
};

export const rain = {
  of: (gauge: string, hours: number, signal?: AbortSignal) =>
    read<T.GaugeRain>(`/api/rain_gauges/${gauge}/rain`, { hours }, signal),
  /** Readings as lines of a table. */
  send: (csv: string, key: string) => write<T.RainAnswer>('/api/rain', { csv }, { key }),
};

/** Grids of rain, without their cells. */
export const rainGrids = {
  list: (limit: number, signal?: AbortSignal) =>
    read<Schemas['RainGridList']>('/api/rain_grids', { limit }, signal),
  send: (file: Blob, query: URLSearchParams) =>
    upload<Schemas['RainGridAnswer']>('/api/rain_grids', query, file),
  withdraw: (id: string) => write<null>(`/api/rain_grids/${id}`, undefined, { method: 'DELETE' }),
};

export const log = {
  write: (properties: Partial<T.LogFields> & { text: string }, key: string) =>
    create<T.LogEntry>('duty_log', null, properties, { key }),
  done: (id: string, options: Seen) => write<T.LogEntry>(`/api/duty_log/${id}/done`, {}, options),
};

/** Shifts, and what is handed over with them. */
export const shifts = {
  handover: (signal?: AbortSignal) => read<T.Handover>('/api/handover', {}, signal),
  begin: (key: string) => write<T.Shift>('/api/shifts', {}, { key }),
  run: (id: string, verb: T.ShiftVerb, body: Schemas['ShiftVerbCall'], options: Seen) =>
    write<T.Shift>(`/api/shifts/${id}/${verb}`, body, options),
};

/** The duty log looked through, newest first; `before` is the last entry of the page before. */
export const searchLog = (parameters: Parameters, signal?: AbortSignal) =>
  read<T.FeaturePage<T.LogEntry>>('/api/duty_log/search', parameters, signal);

/** Photos of incidents and entries; how they come in is in `photos.ts`. */
export const attachments = {
  of: (incident_id: string, signal?: AbortSignal) =>
    items<T.Attachment>('attachments', { incident_id, limit: 1_000 }, signal),
  newest: (signal?: AbortSignal) => items<T.Attachment>('attachments', { limit: 5_000 }, signal),
  withdraw: (id: string, reason: string, options: Seen) =>
    write<T.Attachment>(`/api/attachments/${id}/withdraw`, { reason }, options),
  /** Where the photo itself is. */
  contentOf: (id: string) => inRoom(`/api/attachments/${id}/content`),
};

type LonLat = readonly [lon: number, lat: number];

/** Ways by road, under the closures in force. */
export const roads = {
  route: (from: LonLat, to: LonLat, profile: T.Profile, signal?: AbortSignal) =>
    read<T.Route>('/api/route', { from: from.join(), to: to.join(), profile }, signal),
  reach: (from: LonLat, profile: T.Profile, minutes: readonly number[], signal?: AbortSignal) =>
    read<T.Reach>('/api/reach', { from: from.join(), profile, minutes: minutes.join() }, signal),
  cutOff: (signal?: AbortSignal) => read<T.CutOff>('/api/cut-off', {}, signal),
  /** Who would be cut off; it changes nothing for anybody. */
  tryCutOff: (geometry: T.Geometry, profiles: readonly T.Profile[], signal?: AbortSignal) =>
    ask<T.CutOff>('/api/cut-off', { closures: [{ geometry, profiles }] }, signal),
};

/** Places for whatever was typed: names, coordinates, VN-2000, MGRS, road and kilometre post. */
export const locate = (q: string, signal?: AbortSignal) =>
  read<Schemas['LocateAnswer']>('/api/locate', { q }, signal);

export const search = (q: string, limit: number, signal?: AbortSignal) =>
  read<{ hits: T.SearchHit[] }>('/api/search', { q, limit }, signal);

export const nearby = <F extends T.Feature<object>>(parameters: Parameters, signal?: AbortSignal) =>
  read<T.FeaturePage<T.NearFeature<F>>>('/api/nearby', parameters, signal);

export const within = <F extends T.Feature<object>>(parameters: Parameters, signal?: AbortSignal) =>
  read<T.FeaturePage<F>>('/api/within', parameters, signal);

export const exposure = (of: { zone_id: string } | { geometry: T.Area }, signal?: AbortSignal) =>
  ask<T.Exposure>('/api/exposure', of, signal);

export const terrain = (of: { geometry: T.Area }, signal?: AbortSignal) =>
  ask<T.GroundAnswer>('/api/terrain', of, signal);

/** Who is still inside, and what is told of households and of people on no list. */
export const evacuation = {
  inside: (signal?: AbortSignal, moment: Parameters = {}) =>
    read<T.InsideBoard>('/api/inside', moment, signal),
  /** Who would go to which shelter; nothing is written. */
  plan: (zone_id: string) =>
    write<T.EvacuationPlan>(`/api/risk_zones/${zone_id}/evacuation_plan`, {}, { key: uuidV7() }),
  /** Writes the plan that was looked at into the households. */
  commitPlan: (zone_id: string, { placed, unplaced }: T.EvacuationPlan, key: string) =>
    write<T.EvacuationPlan>(
      `/api/risk_zones/${zone_id}/evacuation_plan`,
      {
        commit: true,
        assignments: [
          ...placed.map(({ household_id, shelter_id }) => ({ household_id, shelter_id })),
          ...unplaced.map(({ household_id }) => ({ household_id, shelter_id: null })),
        ],
      },
      { key },
    ),
  silence: (signal?: AbortSignal) => read<T.Silence>('/api/silence', {}, signal),
  call: (contact_id: string, call: Schemas['CallCall'], key: string) =>
    write<T.Contact>(`/api/contacts/${contact_id}/call`, call, { key }),
  evacuees: (zone_id: string, signal?: AbortSignal) =>
    read<T.Evacuees>(`/api/risk_zones/${zone_id}/inside`, {}, signal),
  report: (household_id: string, call: T.EvacuationCall, key: string) =>
    write<T.Household>(`/api/households/${household_id}/evacuation`, call, { key }),
  withdraw: (household_id: string, call: Schemas['WithdrawCall'], key: string) =>
    write<T.Household>(`/api/households/${household_id}/evacuation/withdraw`, call, { key }),
  outsiders: (zone_id: string, call: T.OutsidersCall, key: string) =>
    write<T.Zone>(`/api/risk_zones/${zone_id}/outsiders`, call, { key }),
};

/** The figures of a quarter (`2024Q3`). */
/** What was said; empty wishes are left out. */
const given = (asked: Record<string, string>) =>
  Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== ''));

/** `area` is a code, `force` a force. */
export const quarterReport = (quarter: string, part: { area: string; force: string }, signal?: AbortSignal) =>
  read<T.QuarterReport>(`/api/reports/${encodeURIComponent(quarter)}`, given(part), signal);

/** Counts and times. */
export const statistics = (asked: Record<string, string>, signal?: AbortSignal) =>
  read<T.StatisticsAnswer>('/api/statistics', given(asked), signal);

/** The report of a quarter on its way, and the figures that forces state and agree on. */
export const reportSteps = {
  take: (quarter: string, body: Schemas['ReportStepCall'], version: number, key: string) =>
    write<unknown>(`/api/reports/${encodeURIComponent(quarter)}/steps`, body, { version, key }),
  state: (quarter: string, figure: string, body: Schemas['FigureStatementCall'], key: string) =>
    write<unknown>(figureOf(quarter, figure, 'statements'), body, { key }),
  agree: (
    quarter: string,
    figure: string,
    body: Schemas['FigureAgreementCall'],
    version: number,
    key: string,
  ) => write<unknown>(figureOf(quarter, figure, 'agreement'), body, { version, key }),
};

const figureOf = (quarter: string, figure: string, part: string) =>
  `/api/reports/${encodeURIComponent(quarter)}/figures/${encodeURIComponent(figure)}/${part}`;

/** The rows that a figure was counted from. */
export const quarterRows = (quarter: string, figure: string, parameters: Parameters, signal?: AbortSignal) =>
  read<T.FigureRows>(
    `/api/reports/${encodeURIComponent(quarter)}/figures/${encodeURIComponent(figure)}`,
    parameters,
    signal,
  );

/** Reports of a disaster: what is due, drafts, and sending. Events and sent reports are records. */
export const disasters = {
  due: (signal?: AbortSignal) => read<T.DisastersDue>('/api/disasters/due', {}, signal),
  draft: (event: string, parameters: Parameters, signal?: AbortSignal) =>
    read<T.DisasterDraft>(`/api/disasters/${event}/draft`, parameters, signal),
  send: (
    event: string,
    body: Omit<Schemas['DisasterReportBody'], 'damage'> & {
      damage: Record<string, Record<string, number | string>> | null;
    },
    key: string,
  ) => write<T.DisasterReport>(`/api/disasters/${event}/reports`, body, { key }),
};

/** Who was shown what, newest first. */
export const audit = (parameters: Parameters) => read<Schemas['AuditPage']>('/api/audit', parameters);

/** Sends position fixes, 1 to 1,000; the server takes each fix of a unit and time once. */
export const fixes = (batch: readonly T.FixIn[], key?: string) =>
  write<Schemas['FixesAnswer']>('/api/fixes', { fixes: batch }, key ? { key } : {});

/** Exercises: begun from the real room, led and judged in their own. */
export const exercises = {
  list: (signal?: AbortSignal) => read<Schemas['ExerciseList']>('/api/exercises', {}, signal),
  begin: (call: Schemas['ExerciseCall'], key: string) =>
    write<Schemas['ExerciseBegun']>('/api/exercises', call, { key }),
  sheet: (signal?: AbortSignal) => read<T.ExerciseSheet>('/api/exercise', {}, signal),
  give: (n: number) => write<T.ExerciseSheet>(`/api/exercise/injects/${n}`, undefined),
  judge: (call: Schemas['JudgementCall'], version: number) =>
    write<T.ExerciseSheet>('/api/exercise/judgements', call, { version }),
  end: (version: number) => write<T.ExerciseSheet>('/api/exercise/end', undefined, { version }),
};

/** What the forces ask each other, decide together and plan: the verbs. */
const COORDINATION = {
  answer: ['information_requests', 'answer', 'text'],
  decline: ['information_requests', 'decline', 'text'],
  withdraw: ['information_requests', 'withdraw', 'text'],
  'decision-done': ['decisions', 'done', 'result'],
  drop: ['decisions', 'drop', 'result'],
  reopen: ['decisions', 'reopen', 'result'],
  issue: ['event_plans', 'issue', 'result'],
  'plan-done': ['event_plans', 'done', 'result'],
  cancel: ['event_plans', 'cancel', 'result'],
} as const;
export type CoordinationVerb = keyof typeof COORDINATION;

export const coordination = {
  ask: (call: Schemas['InformationRequestCall'], key: string) =>
    write<unknown>('/api/information_requests', call, { key }),
  run: (verb: CoordinationVerb, id: string, text: string, version: number, key: string) => {
    const [name, step, field] = COORDINATION[verb];
    return write<unknown>(`/api/${name}/${id}/${step}`, text ? { [field]: text } : {}, { version, key });
  },
  check: (id: string, n: number, done: boolean) =>
    write<unknown>(`/api/event_plans/${id}/checklist/${n}`, { done }),
};
