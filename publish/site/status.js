// The status page: reads the documents again and again while somebody looks, and hands them to what shows them.

import { byId, setText } from "./dom.js";
import { LoadError, readDocument } from "./fetch.js";
import { learnSessionTypes } from "./session_types.js";
import { lastSessions, showFreshness } from "./status_freshness.js";
import { judge, showHealth } from "./status_health.js";
import { showPlan } from "./status_plan.js";
import { progressOf, showNext, showRecent, showRunning, statusKey, waitingRuns } from "./status_runs.js";
import { failSeason, fillSeason, isOpen, replayLink, showLegend, showSeasons } from "./status_seasons.js";
import { momentText, refreshLiveTexts, ZONE } from "./times.js";

/** @import { ChangesDocument, Documents, Health, PlanDocument, Run, RunsDocument, Season, SeasonEvent, SeasonSession, Status } from "./types.d.ts" */
/** @import { Running } from "./status_seasons.js" */

/** @typedef {"health" | "runs" | "statuses" | "seasons"} Name what is read */

const TICK_MS = 1000;
const PATIENCE_MS = 20_000;
/**
 * How often each is read: quickly while something runs, else at leisure.
 *
 * @type {Record<Name, [number, number]>}
 */
const EVERY_MS = { health: [30_000, 30_000], runs: [10_000, 30_000], statuses: [3_000, 30_000], seasons: [60_000, 60_000] };
/** @type {Name[]} */
const FIRST = ["health", "runs", "seasons"];

/** What was read: undefined until it was, null where there is none. */
const state = {
  /** @type {Health | null | undefined} */
  health: undefined,
  /** @type {RunsDocument | null | undefined} */
  runs: undefined,
  /** @type {Map<string, Status | null>} */
  statuses: new Map(),
  /** @type {Map<number, Season>} */
  seasons: new Map(),
  /** @type {ChangesDocument | null} */
  changes: null,
  /** @type {PlanDocument | null | undefined} */
  plan: undefined,
  /** Whether the index was asked for: it says what sessions are called. */
  isIndexAsked: false,
  /** The lists of planned and ended runs as they are on the page. */
  shown: "",
};
/** @type {Record<Name, number>} */
const dueAt = { health: 0, runs: 0, statuses: Infinity, seasons: 0 };
/** @type {Set<Name>} */
const busy = new Set();
/** @type {Map<Name, string>} */
const problems = new Map();
/** @type {number | null} */
let readAt = null;
/** @type {number | undefined} */
let timer = undefined;

const running = () => state.runs?.running ?? [];
const recent = () => state.runs?.recent ?? [];
const next = () => state.runs?.next ?? [];

/**
 * @param {Run} entry of a run
 * @returns {Status | null} its status document
 */
const statusOf = (entry) => state.statuses.get(statusKey(entry) ?? "") ?? null;
const watched = () => [...running(), ...recent().filter((entry) => entry.state === "awaiting_data")];

/**
 * @template {keyof Documents} Name
 * @param {Name} name of a document
 * @param {string} key of the document
 * @param {RequestInit} options of the request
 * @returns {Promise<Documents[Name] | null>} the document, null where there is none: a young site lacks some
 */
async function readIfThere(name, key, options = {}) {
  try {
    return await readDocument(name, key, { signal: AbortSignal.timeout(PATIENCE_MS), ...options });
  } catch (error) {
    if (error instanceof LoadError && (error.status === 404 || error.status === 403)) return null;
    throw error;
  }
}

async function loadHealth() {
  state.health = await readIfThere("health", "v1/health.json");
  drawHealth();
}

async function loadRuns() {
  const before = new Set(recent().map((entry) => `${entry.flow_run_id} ${entry.ended_at}`));
  const isFirst = state.runs === undefined;
  state.runs = await readIfThere("runs", "v1/runs.json");
  await loadStatuses();
  const hasEnded = recent().some((entry) => !before.has(`${entry.flow_run_id} ${entry.ended_at}`));
  // A season is kept for a minute on the way; what has just been published is to be seen at once.
  if (hasEnded && !isFirst) await loadSeasons({ cache: "no-cache" });
}

async function loadStatuses() {
  const keys = [...new Set(watched().map(statusKey).filter((key) => key !== null))];
  const found = await Promise.all(keys.map((key) => readIfThere("status", key)));
  state.statuses = new Map(keys.map((key, i) => [key, found[i]]));
  const now = Date.now();
  // Its run has ended: what has become of it stands in the list of runs.
  if (running().some((entry) => ["done", "failed"].includes(progressOf(entry, statusOf(entry), now).kind))) {
    dueAt.runs = Math.min(dueAt.runs, now + EVERY_MS.statuses[0]);
  }
  drawRuns();
}

/** @param {RequestInit} options of the requests */
async function loadSeasons(options = {}) {
  const index = await readIfThere("index", "index.json", options).finally(() => { state.isIndexAsked = true; });
  learnSessionTypes(index);
  const listed = (index?.seasons ?? []).filter((entry) => Number.isInteger(entry.year));
  showSeasons(listed);
  // A season that is folded away is read once, for its summary.
  const wanted = listed.filter(({ year }) => isOpen(year) || !state.seasons.has(year));
  await Promise.all([...wanted.map(({ year }) => loadSeason(year, options)), loadChanges(options), loadPlan(options)]);
  showPlan(state.plan);
  showFreshness(lastSessions(state.seasons.values(), state.changes, Date.now()));
  drawSeasons();
  drawRuns();
}

/** @param {RequestInit} options of the request */
async function loadPlan(options) {
  state.plan = await readIfThere("plan", "v1/plan.json", options);
}

/** @param {RequestInit} options of the request */
async function loadChanges(options) {
  state.changes = await readIfThere("changes", "v1/changes.json", options);
}

/**
 * @param {number} year of the season
 * @param {RequestInit} options of the request
 */
async function loadSeason(year, options) {
  try {
    state.seasons.set(year, await readDocument("season", `v1/seasons/${year}.json`, { signal: AbortSignal.timeout(PATIENCE_MS), ...options }));
  } catch (error) {
    failSeason(year, error);
    throw error;
  }
}

function drawHealth() {
  if (state.health !== undefined) showHealth(judge(state.health, Date.now()));
}

function drawRuns() {
  if (state.runs === undefined || !state.isIndexAsked) return;
  const waiting = waitingRuns(recent(), statusOf);
  showRunning(running(), waiting, statusOf, next());
  const shown = JSON.stringify([next(), recent(), waiting.length, state.seasons.size]);
  if (shown !== state.shown) {
    state.shown = shown;
    showNext(next(), isOffSeason());
    showRecent(recent().filter((entry) => !waiting.includes(entry)), (entry) => replayLink(sessionOf(entry)));
  }
  drawSeasons();
}

function drawSeasons() {
  for (const season of state.seasons.values()) fillSeason(season, (event, session) => runOf(season.year, event, session));
}

/**
 * @param {number} year of the season
 * @param {SeasonEvent} event of the season
 * @param {SeasonSession} session of the event
 * @returns {Running | null} what runs for it now
 */
function runOf(year, event, session) {
  const entry = running().find((run) => run.year === year && run.session === session.code && run.event === event.name);
  if (!entry) return null;
  const progress = progressOf(entry, statusOf(entry), Date.now());
  if (progress.kind === "waiting") return null;
  return { percent: progress.kind === "starting" ? null : progress.percent, isSilent: progress.kind === "silent" };
}

/**
 * @param {Run} entry of a run
 * @returns {SeasonSession | undefined} its session in the season's index
 */
function sessionOf(entry) {
  const events = state.seasons.get(entry.year)?.events.find((one) => one.name === entry.event);
  return events?.sessions.find((session) => session.code === entry.session);
}

function isOffSeason() {
  const sessions = [...state.seasons.values()].flatMap((season) => season.events.flatMap((event) => event.sessions));
  return sessions.length > 0 && !sessions.some((session) => session.state === "scheduled");
}

/** @type {Record<Name, () => Promise<void>>} */
const LOADS = { health: loadHealth, runs: loadRuns, statuses: loadStatuses, seasons: loadSeasons };
const NAMES = /** @type {Name[]} */ (Object.keys(LOADS));

/** @param {Name} what is to be read */
async function load(what) {
  if (busy.has(what)) return;
  busy.add(what);
  try {
    await LOADS[what]();
    problems.delete(what);
    readAt = Date.now();
  } catch (error) {
    const isKnown = error instanceof LoadError;
    if (!isKnown) console.error(error);
    problems.set(what, isKnown ? error.message : `This page cannot show a document (${error instanceof Error ? error.message : error}).`);
  }
  busy.delete(what);
  const isBusy = running().length > 0;
  dueAt[what] = Date.now() + EVERY_MS[what][isBusy ? 0 : 1];
  if (what === "runs") dueAt.statuses = watched().length ? Date.now() + EVERY_MS.statuses[isBusy ? 0 : 1] : Infinity;
  showConnection();
  document.body.dataset.loads = String(Number(document.body.dataset.loads ?? 0) + 1);
  if (FIRST.every((one) => dueAt[one] > 0)) document.body.dataset.ready = "status";
}

function showConnection() {
  const [problem] = problems.values();
  byId("connection").classList.toggle("alarm", problem !== undefined);
  const shown = readAt === null ? "" : ` What is shown is of ${momentText(readAt)}.`;
  setText(byId("connection"), problem === undefined ? "" : `${problem}${shown} This page goes on trying.`);
}

function tick() {
  const now = Date.now();
  for (const what of NAMES) if (dueAt[what] <= now) load(what);
  refreshLiveTexts(now);
  // A document may have outlived itself, a run may have fallen silent, without any new word.
  if (state.health && document.body.dataset.health !== judge(state.health, now).state) drawHealth();
}

/** Read while somebody looks, and at once when somebody looks again. */
function wake() {
  clearInterval(timer);
  timer = undefined;
  if (document.hidden) return;
  for (const what of FIRST) dueAt[what] = Math.min(dueAt[what], Date.now());
  timer = setInterval(tick, TICK_MS);
  tick();
}

byId("stuck").remove();
showLegend();
setText(byId("zone"), ZONE === "UTC" ? "All times are UTC." : `Times are local (${ZONE}), with UTC beside them.`);
document.addEventListener("visibilitychange", wake);
wake();
