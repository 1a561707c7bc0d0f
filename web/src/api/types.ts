/**
 * Shapes of the server's answers. Names are those of the records' fields; every time is RFC 3339 in UTC, every
 * position [longitude, latitude] in degrees, every distance in metres.
 */
import type { Geometry, MultiPolygon, Point, Polygon } from 'geojson';

export type Force = 'police' | 'military' | 'border_guard' | 'civil';
export type Role =
  'duty_officer' | 'planner' | 'field_unit' | 'commander' | 'local_authority' | 'admin' | 'observer';

export type CollectionName =
  | 'border_sectors'
  | 'stations'
  | 'admin_units'
  | 'places'
  | 'roads'
  | 'rivers'
  | 'households'
  | 'risk_zones'
  | 'shelters'
  | 'incidents'
  | 'units'
  | 'contacts'
  | 'duty_log';

/** What every record carries beside its own fields. */
export interface Recorded {
  version: number;
  recorded_at: string;
}

export interface Feature<P = Record<string, unknown>, G extends Geometry | null = Geometry | null> {
  type: 'Feature';
  id: string;
  geometry: G;
  properties: P & Recorded;
}

export interface FeaturePage<F extends Feature<object> = Feature<object>> {
  type: 'FeatureCollection';
  features: F[];
  numberMatched?: number;
  numberReturned?: number;
  timeStamp?: string;
}

export type IncidentState =
  | 'reported'
  | 'verified'
  | 'dispatched'
  | 'in_progress'
  | 'monitoring'
  | 'contained'
  | 'handed_over'
  | 'closed'
  | 'rejected'
  | 'merged';

export type Severity = 1 | 2 | 3 | 4;

export interface Caller {
  phone?: string;
  name?: string;
  at?: string;
  text?: string;
}

export interface IncidentFields {
  code?: string;
  kind: string;
  severity?: Severity;
  title?: string;
  description?: string;
  state: IncidentState;
  state_at?: string;
  outcome?: string;
  occurred_at?: string;
  reported_at?: string;
  verified_at?: string;
  first_assigned_at?: string;
  first_on_scene_at?: string;
  contained_at?: string;
  closed_at?: string;
  acknowledged_at?: string;
  acknowledged_by?: string;
  place_text?: string;
  located_by?: string;
  road_ref?: string;
  road_km?: number;
  commune_code?: string;
  admin_unit?: string;
  sector_id?: string;
  chainage_km?: number;
  lead_force?: Force;
  support_forces?: Force[];
  unit_ids?: string[];
  queued_unit_ids?: string[];
  merged_into?: string;
  dead?: number;
  missing?: number;
  injured?: number;
  rescued?: number;
  receiving_agency?: string;
  record_no?: string;
  channel?: string;
  caller_count?: number;
  accuracy_m?: number;
  reporter_phone?: string;
  reporter_name?: string;
  callers?: Caller[];
}
export type Incident = Feature<IncidentFields, Point | null>;

export type UnitStatus =
  | 'available'
  | 'on_patrol'
  | 'dispatched'
  | 'acknowledged'
  | 'en_route'
  | 'on_scene'
  | 'searching'
  | 'transporting'
  | 'staging'
  | 'returning'
  | 'resting'
  | 'off_duty'
  | 'out_of_service'
  | 'distress';

export type FixSource = 'gps' | 'radio' | 'post';

export interface UnitFields {
  code?: string;
  name: string;
  force: Force;
  kind: string;
  capabilities?: string[];
  crew?: number;
  vehicle?: string;
  radio?: string;
  duty_phone?: string;
  station_id?: string;
  status: UnitStatus;
  status_at?: string;
  status_by?: string;
  status_source?: string;
  incident_id?: string;
  queued_incident_ids?: string[];
  /** When the position was true; absent while the unit counts at its post. */
  fix_at?: string;
  fix_source?: FixSource;
  fix_accuracy_m?: number;
  fix_heard_by?: string;
  speed_mps?: number;
  course_deg?: number;
  admin_unit?: string;
}
export type Unit = Feature<UnitFields, Point | null>;

export interface ZoneFields {
  code?: string;
  name: string;
  kind: string;
  state?: string;
  /** Legal disaster risk level; absent if none was given. */
  level?: 1 | 2 | 3 | 4 | 5;
  susceptibility?: number;
  owner?: string;
  valid_from?: string;
  valid_to: string;
  buffer_m?: number;
  ended_at?: string;
  ended_by?: string;
  end_reason?: string;
  note?: string;
}
export type Zone = Feature<ZoneFields, Polygon | MultiPolygon | null>;

export interface ShelterFields {
  name: string;
  kind?: string;
  capacity: number;
  occupied?: number;
  is_open?: boolean;
  admin_unit?: string;
}
export type Shelter = Feature<ShelterFields, Point | null>;

export interface LogFields {
  kind: string;
  text: string;
  occurred_at?: string;
  incident_id?: string;
  unit_id?: string;
  zone_id?: string;
  owner?: string;
  due_at?: string;
  done_at?: string;
  done_by?: string;
  corrects_id?: string;
  author?: string;
  author_force?: Force;
}
export type LogEntry = Feature<LogFields, Point | null>;

export interface ContactFields {
  name: string;
  kind: string;
  organisation?: string;
  force?: Force;
  hamlet?: string;
  commune_code?: string;
  duty_hours?: string;
  radio?: string;
  duty_phone?: string;
  admin_unit?: string;
  person_name?: string;
  phone?: string;
}
export type Contact = Feature<ContactFields, Point | null>;

export interface AdminUnitFields {
  code: string;
  name: string;
  full_name?: string;
  kind: string;
  former_units?: string;
  former_district?: string;
  label_lon?: number;
  label_lat?: number;
  valid_to?: string;
}
export type AdminUnit = Feature<AdminUnitFields, Polygon | MultiPolygon | null>;

export interface Actor {
  name: string;
  role: Role;
  force: Force | null;
  unit_id: string | null;
  label_vi: string;
  label_en: string;
}

export interface DemoActor {
  name: string;
  label_vi: string;
  label_en: string;
  role: Role;
}

export interface SessionAnswer {
  actor: Actor | null;
  demo: boolean;
  exercise: null;
  server_time: string;
  seq: number;
  version: string;
  demo_actors?: DemoActor[];
}

/** A place in any of the forms the server takes. */
export type Place =
  | { lon: number; lat: number; accuracy_m?: number }
  | { text: string }
  | { road_ref: string; road_km: number }
  | { from: { text: string } | { lon: number; lat: number }; bearing_deg: number; distance_m: number }
  | { commune_code: string }
  | { vn2000: { epsg: number; easting: number; northing: number } }
  | { mgrs: string };

export interface Candidate {
  label: string;
  kind: string;
  lon: number;
  lat: number;
  accuracy_m: number | null;
  located_by: string;
  commune_code?: string | null;
  admin_unit?: string | null;
  sector_id?: string | null;
  chainage_km?: number | null;
  /** `null`: only the commune is known. */
  geometry: Geometry | null;
  collection?: CollectionName | null;
  id?: string | null;
}

export interface SearchHit {
  collection: CollectionName;
  id: string;
  title: string;
  subtitle?: string;
  lon?: number | null;
  lat?: number | null;
  bbox?: [number, number, number, number];
}

export interface Reason {
  code: string;
  vi: string;
  en: string;
}

export interface RecommendedUnit {
  unit: Unit;
  rank: number;
  distance_m: number;
  bearing_deg: number;
  eta_min_s: number | null;
  eta_max_s: number | null;
  eta_basis: string;
  position: {
    lon: number;
    lat: number;
    source: FixSource;
    at: string | null;
    age_s: number | null;
    accuracy_m: number | null;
  };
  capabilities: string[];
  missing_capabilities: string[];
  reasons: Reason[];
}

export interface Recommendation {
  incident_id: string;
  as_of: string;
  seq: number;
  candidates: RecommendedUnit[];
  left_out: { unit: Unit; distance_m: number | null; reasons: Reason[] }[];
}

export interface Exposure {
  households: number;
  people: number;
  vulnerable: {
    children: number;
    elderly: number;
    pregnant_or_nursing: number;
    disabled: number;
    gravely_ill: number;
  };
  needs_carry: number;
  units: number;
  stations: number;
  shelters: number;
  shelter_capacity: number;
  road_km: number;
  border_km: number;
  as_of: string;
  seq: number;
  ids?: { households?: string[] };
}

export type NearFeature<F extends Feature<object>> = F & {
  collection: CollectionName;
  /** `null` where one of the two has no position. */
  distance_m: number | null;
  bearing_deg?: number;
  nearest?: [number, number];
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

/** One position of a unit as a page sends it. */
export interface FixIn {
  unit_id: string;
  lon: number;
  lat: number;
  at: string;
  accuracy_m?: number;
  speed_mps?: number;
  course_deg?: number;
}
