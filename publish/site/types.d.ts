// The published documents as the pages read them, for the type checker alone; `v1/schemas/` says more of each.

export interface Driver {
  number: string;
  code: string;
  first_name: string;
  last_name: string;
  team: string;
  color: string | null;
}

export interface Channel {
  unit: string;
  scale: number;
  kind: "continuous" | "held";
  differences: number;
  every_ms: number;
  column: string;
  description: string;
}

/** A channel of the samples: at which times it has numbers, and how to read between them. */
export interface Sampled {
  unit: string;
  scale: number;
  differences: number;
  time: "car_time" | "position_time" | "own";
  interpolation: "cubic" | "linear" | "held";
  max_gap_ms: number | null;
  null: "no sample" | "unknown";
  description: string;
}

export interface ManifestObject {
  path: string;
  kind: string;
  bytes: number;
  sha256: string;
}

/** The minutes of one kind: `<folder>/<n>.json.gz`, n with four digits; bytes of each and half of its hash. */
export interface ManifestChunks {
  folder: string;
  files: [number, string][];
  fps?: number;
}

/** Q1, Q2 or Q3, or a practice. */
export interface Part {
  name: string;
  start_ms: number;
  end_ms: number | null;
  stopped_ms: [number, number][];
  advance: number | null;
}

export interface Manifest {
  schema: string;
  session_key: number;
  year: number;
  round: number;
  event: { name: string; location: string; country: string; circuit: string | null };
  session: { code: string; name: string; date: string; start_utc: string | null };
  revision: string;
  clock: { utc_origin: string | null; duration_ms: number; race_start_ms: number | null };
  drivers: Driver[];
  total_laps: number | null;
  parts?: Part[];
  grade: string;
  capabilities: Record<string, boolean>;
  samples: { chunk_ms: number; lap_length_m: number | null; channels: Record<string, Sampled> };
  frames: { fps: number[]; chunk_ms: number; channels: Record<string, Channel> };
  chunks: { samples?: ManifestChunks; frames?: ManifestChunks };
  objects: ManifestObject[];
}

export interface Latest {
  schema: string;
  revision: string;
  manifest: string;
}

/** Runs of a held channel: tick and value, null in a gap. */
export type Runs<Value> = [number, Value | null][];

/** Integers of a continuous channel, the first and differences; null in a gap. */
export type Steps = (number | null)[];

export interface FramesDocument {
  schema: string;
  fps: number;
  start_ms: number;
  ticks: number;
  track_status: Runs<string>;
  leader_lap: Runs<number>;
  cars: Record<string, Record<string, Steps | Runs<number | string>>>;
}

export interface SamplesDocument {
  schema: string;
  start_ms: number;
  end_ms: number;
  car_time: number[];
  position_time: number[];
  track_status: Runs<string>;
  leader_lap: Runs<number>;
  cars: Record<string, Record<string, Steps | [number[], Steps] | Runs<number | string>>>;
}

export interface Corner {
  number: number;
  letter: string;
  x: number;
  y: number;
  angle_deg: number;
  distance_m: number | null;
}

export interface Track {
  schema: string;
  scale: number;
  differences: number;
  x: number[];
  y: number[];
  rotation_deg: number | null;
  corners: Corner[] | null;
  distance: number[];
  length_m: number;
  sectors_m: number[];
  marshal_sectors: { number: number; distance_m: number }[] | null;
  drs_zones_m: [number, number][];
}

export interface Table<Row> {
  schema: string;
  rows: Row[];
}

export interface LapRow {
  car: string;
  lap: number;
  position: number | null;
  start_ms: number | null;
  end_ms: number | null;
  lap_time_ms: number | null;
  sector1_ms: number | null;
  sector2_ms: number | null;
  sector3_ms: number | null;
  sector1_end_ms: number | null;
  sector2_end_ms: number | null;
  sector3_end_ms: number | null;
  pit_in_ms: number | null;
  pit_out_ms: number | null;
  stint: number | null;
  compound: string | null;
  tyre_age_laps: number | null;
  tyre_fresh: boolean | null;
  track_statuses: string | null;
  deleted: boolean | null;
}

export interface ResultRow {
  car: string;
  position: number | null;
  classified: string | null;
  status: string | null;
  grid: number | null;
  points: number | null;
  laps: number | null;
  q1_ms: number | null;
  q2_ms: number | null;
  q3_ms: number | null;
  race_time_ms: number | null;
  gap_ms: number | null;
  gap_crossing_ms: number | null;
}

/** A colour of a mini-sector, from a moment on; null is a code whose meaning nobody knows. */
export interface MiniSectorRow {
  car: string;
  driver: string;
  lap: number;
  sector: number;
  mini_sector: number;
  time_ms: number;
  status_code: number;
  color: "yellow" | "green" | "purple" | "pit" | null;
}

export interface WeatherRow {
  time_ms: number | null;
  air_temp_c: number | null;
  track_temp_c: number | null;
  humidity_percent: number | null;
  wind_speed_mps: number | null;
  pressure_mbar: number | null;
  rainfall: boolean | null;
}

export interface MessageRow {
  time_ms: number | null;
  utc: string | null;
  lap: number | null;
  message: string | null;
  flag: string | null;
  scope: string | null;
  sector: number | null;
}

export interface Quality {
  schema: string;
  grade: string;
  reasons?: string[];
}

export interface Agreement {
  compared: number;
  agree: number;
}

export interface Verdict {
  sentence: string;
  lap_chart: Agreement | null;
  finish_order: Agreement | null;
  coverage: Record<string, number>;
  findings: { error: number; warning: number; info: number };
}

export interface SeasonSession {
  code: string;
  name: string;
  start_utc: string | null;
  state: string;
  session_key: number | null;
  manifest: string | null;
  grade: string | null;
  capabilities: Record<string, boolean> | null;
  verdict?: Verdict | null;
}

export interface SeasonEvent {
  round: number | null;
  name: string;
  country: string | null;
  location: string | null;
  date: string | null;
  testing: boolean;
  sessions: SeasonSession[];
}

export interface Season {
  schema: string;
  year: number;
  events: SeasonEvent[];
}

export interface SessionType {
  code: string;
  name: string;
  is_race_like: boolean;
}

export interface SiteIndex {
  schema: string;
  contract: number;
  seasons: { year: number; index: string }[];
  links?: Record<string, string | Record<string, string>>;
  session_types?: SessionType[];
}

export interface HealthCheck {
  name: string;
  state: string;
  message: string;
}

export interface Health {
  schema: string;
  state: string;
  checked_at: string;
  valid_until: string;
  checks: HealthCheck[];
}

/** A run that goes on or has ended. */
export interface Run {
  year: number;
  round: number;
  event: string;
  session: string;
  flow_run_id: string;
  flow_run_name: string;
  flow_run_url: string | null;
  started_at: string;
  status: string;
}

export interface EndedRun extends Run {
  ended_at: string;
  state: string;
  message: string;
  grade: string | null;
}

export interface PlannedRun {
  year: number;
  round: number;
  event: string;
  session: string;
  kind: string;
  expected_at: string;
  flow_run_name: string | null;
  flow_run_url: string | null;
}

export interface RunsDocument {
  schema: string;
  running: Run[];
  recent: EndedRun[];
  next: PlannedRun[];
}

/** A run that the next look at the calendar would make, move or take back. */
export interface PlanStep {
  year: number;
  event: string;
  session: string;
  kind: string;
  at: string;
  what: string;
  moved_from: string | null;
}

export interface PlanDocument {
  schema: string;
  updated_at: string;
  steps: PlanStep[];
}

/** What became current, newest first. */
export interface ChangesDocument {
  schema: string;
  changes: { published_at: string; session_key: number; reason: string }[];
}

export interface Status {
  schema: string;
  type: string;
  progress: number;
  message: string;
  flow_run_id: string;
  updated_at: string;
  error: string | null;
  next_attempt_at?: string | null;
  cause?: string | null;
}

/** Documents by the name in their `schema`. */
/** The circuit of a weekend: corners of its outline, metres. */
export interface Circuit {
  session_key: number;
  revision: string;
  rotation_deg: number | null;
  x: number[];
  y: number[];
}

export interface CircuitsDocument {
  schema: string;
  year: number;
  serial: number;
  circuits: Circuit[];
}

export interface Documents {
  index: SiteIndex;
  season: Season;
  latest: Latest;
  manifest: Manifest;
  frames: FramesDocument;
  samples: SamplesDocument;
  track: Track;
  laps: Table<LapRow>;
  results: Table<ResultRow>;
  weather: Table<WeatherRow>;
  messages: Table<MessageRow>;
  mini_sectors: Table<MiniSectorRow>;
  quality: Quality;
  health: Health;
  runs: RunsDocument;
  plan: PlanDocument;
  status: Status;
  changes: ChangesDocument;
  circuits: CircuitsDocument;
}
