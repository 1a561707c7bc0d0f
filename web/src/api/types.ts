/**
 * Names for the shapes of `schema.ts`, which is made from docs/openapi.json by `npm run types`. Every time is RFC 3339
 * in UTC, every position [longitude, latitude] in degrees, every distance in metres.
 *
 * By hand stands only what the document does not say: numbers of which there are a few, what lies in fields of free
 * JSON, which fields the desk gives every record though no caller must, and the events of the feed.
 */
import type { components } from './schema';

type Schemas = components['schemas'];

export type CollectionName = Schemas['Collection'];
export type Force = Schemas['Force'];
export type Role = Schemas['Role'];
export type FixSource = Schemas['FixSource'];
export type Geometry = Schemas['Geometry'];
export type Area = Schemas['Polygon'] | Schemas['MultiPolygon'];

export type SessionAnswer = Schemas['Session'];
export type Stale = Schemas['Stale'];
export type ProviderReturn = { [K in keyof Schemas['OidcReturn']]: Schemas['OidcReturn'][K] | undefined };
export type Actor = Schemas['SignedIn'];
export type DemoActor = Schemas['Listed'];

export type MySession = Schemas['MySession'];
export type MyToken = Schemas['MyToken'];
export type MadeToken = Schemas['MadeToken'];
export type Account = Schemas['AccountAnswer'];
export type NewAccount = Schemas['AccountCall'];
export type PasswordLink = Schemas['PasswordLink'];
export type Grant = Schemas['GrantAnswer'];
export type NewGrant = Schemas['GrantCall'];
export type Device = Schemas['Device'];
export type Enrolment = Schemas['EnrolmentAnswer'];
export type Tip = Schemas['TipAnswer'];
export type TipIntake = Schemas['Intake'];
export type TakenTip = Schemas['TipTaken'];
export type TipMessage = Schemas['MessageAnswer'];
export type Unsealing = Schemas['UnsealingAnswer'];
export type Unsealed = Schemas['Unsealed'];
export type Coarse = Schemas['Coarse'];
/** What somebody answers for. */
export type Domain = Schemas['Area'];

/** How far a photo has come, and what became of it. */
export type UploadAnswer = Schemas['UploadAnswer'];
export type ExifPosition = Schemas['ExifPosition'];

export type Place = Schemas['Place'];
export type Candidate = Schemas['PlaceCandidate'];
export type SearchHit = Omit<Schemas['SearchHit'], 'bbox'> & {
  bbox?: [west: number, south: number, east: number, north: number];
};
export type Exposure = Schemas['ExposureAnswer'];
export type BorderBoard = Schemas['BorderBoard'];
export type SectorStanding = Schemas['SectorStanding'];
export type SectorLevel = Schemas['SectorLevel'];
export type SectorRow = Schemas['SectorRow'];
export type AssessmentTold = Schemas['AssessmentTold'];
export type InsideBoard = Schemas['InsideBoard'];
export type EvacuationPlan = Schemas['EvacuationPlan'];
export type Silence = Schemas['Silence'];
export type SilentCommune = Schemas['SilentCommune'];
export type Sign = Schemas['Sign'];
export type InsideOfZone = Schemas['InsideOfZone'];
export type InsideFigures = Schemas['InsideFigures'];
export type Evacuees = Schemas['Evacuees'];
export type Evacuee = Schemas['Evacuee'];
export type EvacuationCall = Schemas['EvacuationCall'];
export type OutsidersCall = Schemas['OutsidersCall'];
export type GroundAnswer = Schemas['GroundAnswer'];
export type AuditRow = Schemas['AuditRow'];
export type FixIn = Schemas['FixWire'];

/** A record whose fields are told more closely than in the document. */
type Closer<F extends { properties: object }, P> = Omit<F, 'properties'> & {
  properties: Omit<F['properties'], keyof P> & P;
};

/** A record of any collection, with these fields. */
export type Feature<P extends object = Record<string, unknown>> = Closer<
  Schemas['Feature'],
  P & { version: number; recorded_at: string }
>;

export type FeaturePage<F = Feature<object>> = Omit<Schemas['FeatureCollection'], 'features'> & {
  features: F[];
};

/** A record with where it lies from the place that was asked. */
export type NearFeature<F> = F & Omit<Schemas['NearFeature'], keyof Schemas['Feature']>;

export type ZoneLevels = Omit<Schemas['ZoneLevels'], 'computed' | 'opinions'> & {
  computed:
    | (Omit<NonNullable<Schemas['ZoneLevels']['computed']>, 'rule' | 'neighbours'> & {
        rule: { id: string; source: string; vi: string; en: string };
        neighbours: { row: string; level: number | null; vi: string; en: string }[];
      })
    | null;
  opinions: {
    id: string;
    source: string;
    value: number;
    is_exceeded: boolean | null;
    vi: string;
    en: string;
  }[];
};
export type Exercise = Schemas['ExerciseCard'];
export type ExerciseSheet = Schemas['ExerciseSheet'];
export type Inject = Schemas['Inject'];
export type GaugeRain = Schemas['GaugeRain'];
export type RainAnswer = Schemas['RainAnswer'];
export type RainGrid = Schemas['RainGridTold'];
export type RainGridAsked = Schemas['RainGridAsked'];
export type Gauge = Feature<{ name: string; code?: string; elevation_m?: number }>;
export type Bulletin = Feature<{
  title: string;
  issuer: string;
  signer?: string;
  issued_at: string;
  valid_to: string;
  level?: number;
  commune_codes?: string[];
}>;

export type Severity = 1 | 2 | 3 | 4;
export type IncidentKind = Schemas['ReportCall']['kind'];
export type LocatedBy = Schemas['PlaceCandidate']['located_by'];
export type IncidentState = NonNullable<Schemas['IncidentsFeature']['properties']['state']>;
export type Outcome = NonNullable<Schemas['IncidentsFeature']['properties']['outcome']>;
export interface Caller {
  phone?: string;
  name?: string;
  at?: string;
  text?: string;
}
export type Incident = Closer<
  Schemas['IncidentsFeature'],
  { state: IncidentState; severity?: Severity; callers?: Caller[] }
>;

export type UnitStatus = Schemas['StatusCall']['status'];
/** `fix_at` is absent while the unit counts at its post. */
export type Unit = Omit<
  Closer<Schemas['UnitsFeature'], { status: UnitStatus; fix_source?: FixSource }>,
  'geometry'
> & {
  geometry: Schemas['Point'] | null;
};

/** Whether this is one record, and not a commune or a border sector in the place of several that are not for us. */
export const isRecord = (feature: { properties: object }): boolean =>
  !('precision' in feature.properties) || feature.properties.precision === 'exact';

export type Household = Schemas['HouseholdsFeature'];
/** How a border sector was assessed. */
export type SectorAssessment = Schemas['SectorAssessmentsFeature'];
/** A place that a force keeps its eye on; never a person. */
export type AreaOfConcern = Schemas['AreasOfConcernFeature'];
export type Zone = Closer<Schemas['RiskZonesFeature'], { level?: 1 | 2 | 3 | 4 | 5 }>;
/** What somebody copies out of a warning, in one language; a draft has no words of its own yet. */
export type WarningText =
  | { language: string; name: string; is_draft: true; falls_back_to: string; note: string }
  | {
      language: string;
      name: string;
      is_draft: false;
      loudspeaker: string;
      messenger: string;
      sms: SmsText;
      sms_plain: SmsText;
    };
/** An SMS, how long a telephone counts it, and in how many parts it goes. */
export interface SmsText {
  text: string;
  length: number;
  parts: number;
}
export type Warning = Closer<
  Schemas['WarningsFeature'],
  { type: WarningType; state: WarningState; level?: 1 | 2 | 3 | 4 | 5; texts: WarningText[] }
>;
export type WarningType = NonNullable<Schemas['WarningsFeature']['properties']['type']>;
export type WarningState = NonNullable<Schemas['WarningsFeature']['properties']['state']>;
export type ZoneFields = Zone['properties'];
export type Hazard = ZoneFields['kind'];
/** Who travels. */
export type Profile = Schemas['ProfileName'];
/** A stretch that nobody of its profiles gets through, or only slowly. */
export type RoadClosure = Closer<
  Schemas['RoadClosuresFeature'],
  { reason: Schemas['RoadClosuresFeature']['properties']['reason']; profiles?: Profile[] }
>;
export type ClosureReason = RoadClosure['properties']['reason'];
/** Who is cut off, by target and profile. */
export type CutOff = Schemas['CutOffAnswer'];
export type CutOffRecord = Schemas['CutOffRecord'];
export type CutOffTarget = Schemas['Target'];
export type Route = Schemas['RouteAnswer'];
export type Reach = Schemas['ReachAnswer'];

export type Shelter = Schemas['SheltersFeature'];
export type LogEntry = Closer<
  Schemas['DutyLogFeature'],
  { kind: NonNullable<Schemas['DutyLogFeature']['properties']['kind']> }
>;
export type LogFields = LogEntry['properties'];
export type Attachment = Schemas['AttachmentsFeature'];
export type Contact = Schemas['ContactsFeature'];
export type AdminUnit = Schemas['AdminUnitsFeature'];

export type AssignmentState = NonNullable<Schemas['AssignmentsFeature']['properties']['state']>;
export type UnitStep = Schemas['StepCall']['step'];
export type Told = Pick<Schemas['StepCall'], 'at' | 'source' | 'told_by' | 'reason'>;
/** One unit on one incident, from the order or the request to the end. */
export type Assignment = Closer<
  Schemas['AssignmentsFeature'],
  { incident_id: string; unit_id: string; unit_force: Force; by_force?: Force; state: AssignmentState }
>;
export type AlarmKind = NonNullable<Schemas['AlarmsFeature']['properties']['kind']>;
export type Alarm = Closer<Schemas['AlarmsFeature'], { kind: AlarmKind }>;

/** A verb that joins an incident and a unit, or parts them. */
export type AssignmentAnswer = Omit<Schemas['AssignmentAnswer'], 'incident' | 'unit' | 'assignment'> & {
  incident: Incident;
  unit: Unit;
  assignment: Assignment | null;
};

export interface Reported {
  incident: Incident;
  /** Open incidents that may be the same. */
  similar: NearFeature<Incident>[];
}

/** Advice with its units as everywhere in the pages. */
export type RecommendedUnit = Omit<Schemas['RecommendedUnit'], 'unit'> & { unit: Unit };
export type Recommendation = Omit<Schemas['RecommendationAnswer'], 'candidates' | 'left_out' | 'move_ups'> & {
  candidates: RecommendedUnit[];
  left_out: (Omit<Schemas['UnitLeftOut'], 'unit'> & { unit: Unit })[];
  /** Who could hold the posts that the picks leave empty. */
  move_ups: (Omit<Schemas['MoveUpAnswer'], 'unit'> & { unit: Unit })[];
};

/** One newest position of a unit as the feed sends it. */
export interface PositionUpdate {
  id: string;
  lon: number;
  lat: number;
  fix_at: string;
  fix_source: FixSource;
  accuracy_m?: number | null;
  speed_mps?: number | null;
  course_deg?: number | null;
}

export type Shift = Schemas['ShiftsFeature'];
export type ShiftVerb = 'propose' | 'withdraw' | 'accept' | 'decline' | 'take_over';
export type SectionName =
  'alarms' | 'incidents' | 'orders' | 'instructions' | 'deadlines' | 'zones' | 'closures' | 'levels';
export type HandoverItem = Schemas['HandoverItem'];
export type HandoverSection = Omit<Schemas['HandoverSection'], 'what'> & { what: SectionName };
export type HandoverInside = Schemas['HandoverInside'];
export type ChangedKind = Schemas['ChangedKind'];
/** What whoever goes hands to whoever comes. */
export type Handover = Omit<Schemas['Handover'], 'open'> & { open: HandoverSection[] };

export type QuarterReport = Schemas['QuarterAnswer'];
export type StatisticsAnswer = Schemas['StatisticsAnswer'];
export type StatisticsRow = Schemas['StatisticsRow'];
export type QuarterFigure = QuarterReport['figures'][number];
export type ReportStep = Schemas['ReportStep'];
export type ReportCorrection = Schemas['Correction'];

export type DisasterEvent = Schemas['DisasterEventsFeature'];
export type DisasterReport = Schemas['DisasterReportsFeature'];
export type DisasterDraft = Schemas['DisasterDraft'];
export type DisasterFigure = Schemas['DisasterFigure'];
export type DisastersDue = Schemas['DisastersDue'];
export type ReportDue = Schemas['ReportDue'];
export type ReporterStanding = Schemas['ReporterStanding'];

/** A record, and what it adds to a figure. */
export interface FigureRow {
  id: string;
  collection: CollectionName;
  value: number;
  counted_at: string;
  properties: Record<string, unknown>;
}

/** A page of them; `hidden` are counted and not shown. */
export interface FigureRows {
  features: FigureRow[];
  numberMatched: number;
  hidden: number;
}
