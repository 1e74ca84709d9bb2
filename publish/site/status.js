// The status page: reads the documents again and again while somebody looks, and hands them to what shows them.

import { byId, setText } from "./dom.js";
import { LoadError, readJson } from "./fetch.js";
import { judge, showHealth } from "./status_health.js";
import { progressOf, showNext, showRecent, showRunning, statusKey, waitingRuns } from "./status_runs.js";
import { failSeason, fillSeason, isOpen, replayLink, showLegend, showSeasons } from "./status_seasons.js";
import { momentText, refreshLiveTexts, ZONE } from "./times.js";

const TICK_MS = 1000;
const PATIENCE_MS = 20_000;
/** How often each is read: quickly while something runs, else at leisure. */
const EVERY_MS = { health: [30_000, 30_000], runs: [10_000, 30_000], statuses: [3_000, 30_000], seasons: [60_000, 60_000] };

const state = { health: undefined, runs: undefined, statuses: new Map(), seasons: new Map(), listed: undefined };
const dueAt = { health: 0, runs: 0, statuses: Infinity, seasons: 0 };
const busy = new Set();
const problems = new Map();
let readAt = null;
let timer = null;

const list = (name) => (Array.isArray(state.runs?.[name]) ? state.runs[name] : []);
const statusOf = (entry) => state.statuses.get(statusKey(entry)) ?? null;
const watched = () => [...list("running"), ...list("recent").filter((entry) => entry.state === "awaiting_data")];

/** Return a document, or null where there is none: a young site lacks some. */
async function readIfThere(key, options = {}) {
  try {
    return await readJson(key, { signal: AbortSignal.timeout(PATIENCE_MS), ...options });
  } catch (error) {
    if (error.status === 404 || error.status === 403) return null;
    throw error;
  }
}

async function loadHealth() {
  state.health = await readIfThere("v1/health.json");
  drawHealth();
}

async function loadRuns() {
  const before = new Set(list("recent").map((entry) => `${entry.flow_run_id} ${entry.ended_at}`));
  const isFirst = state.runs === undefined;
  state.runs = await readIfThere("v1/runs.json");
  await loadStatuses();
  const hasEnded = list("recent").some((entry) => !before.has(`${entry.flow_run_id} ${entry.ended_at}`));
  // A season is kept for a minute on the way; what has just been published is to be seen at once.
  if (hasEnded && !isFirst) await loadSeasons({ cache: "no-cache" });
}

async function loadStatuses() {
  const wanted = [...new Set(watched().map(statusKey).filter(Boolean))];
  const found = await Promise.all(wanted.map((key) => readIfThere(key)));
  state.statuses = new Map(wanted.map((key, i) => [key, found[i]]));
  const now = Date.now();
  // Its run has ended: what has become of it stands in the list of runs.
  if (list("running").some((entry) => ["done", "failed"].includes(progressOf(entry, statusOf(entry), now).kind))) {
    dueAt.runs = Math.min(dueAt.runs, now + EVERY_MS.statuses[0]);
  }
  drawRuns();
}

async function loadSeasons(options) {
  const index = await readIfThere("index.json", options);
  state.listed = (index?.seasons ?? []).filter((entry) => Number.isInteger(entry.year));
  showSeasons(state.listed);
  // A season that is folded away is read once, for its summary.
  const wanted = state.listed.filter(({ year }) => isOpen(year) || !state.seasons.has(year));
  await Promise.all(wanted.map((entry) => loadSeason(entry, options)));
  drawSeasons();
  drawRuns();
}

async function loadSeason({ year }, options) {
  try {
    state.seasons.set(year, await readJson(`v1/seasons/${year}.json`, { signal: AbortSignal.timeout(PATIENCE_MS), ...options }));
  } catch (error) {
    failSeason(year, error);
    throw error;
  }
}

function drawHealth() {
  if (state.health !== undefined) showHealth(judge(state.health, Date.now()));
}

function drawRuns() {
  if (state.runs === undefined) return;
  const waiting = waitingRuns(list("recent"), statusOf);
  showRunning(list("running"), waiting, statusOf, list("next"));
  const shown = JSON.stringify([list("next"), list("recent"), waiting.length, state.seasons.size]);
  if (shown !== drawRuns.shown) {
    drawRuns.shown = shown;
    showNext(list("next"), isOffSeason());
    showRecent(list("recent").filter((entry) => !waiting.includes(entry)), (entry) => replayLink(sessionOf(entry)));
  }
  drawSeasons();
}

function drawSeasons() {
  for (const document of state.seasons.values()) fillSeason(document, (event, session) => runOf(document.year, event, session));
}

function runOf(year, event, session) {
  const entry = list("running").find((run) => run.year === year && run.session === session.code && run.event === event.name);
  if (!entry) return null;
  const progress = progressOf(entry, statusOf(entry), Date.now());
  if (progress.kind === "waiting") return null;
  return { percent: progress.kind === "starting" ? null : progress.percent, isSilent: progress.kind === "silent" };
}

function sessionOf(entry) {
  const event = state.seasons.get(entry.year)?.events.find((one) => one.name === entry.event);
  return event?.sessions.find((session) => session.code === entry.session);
}

function isOffSeason() {
  const sessions = [...state.seasons.values()].flatMap((season) => season.events.flatMap((event) => event.sessions));
  return sessions.length > 0 && !sessions.some((session) => session.state === "scheduled");
}

const LOADS = { health: loadHealth, runs: loadRuns, statuses: loadStatuses, seasons: loadSeasons };

async function load(name) {
  if (busy.has(name)) return;
  busy.add(name);
  try {
    await LOADS[name]();
    problems.delete(name);
    readAt = Date.now();
  } catch (error) {
    if (!(error instanceof LoadError)) console.error(error);
    problems.set(name, error instanceof LoadError ? error.message : `This page cannot show a document (${error.message}).`);
  }
  busy.delete(name);
  const isBusy = list("running").length > 0;
  dueAt[name] = Date.now() + EVERY_MS[name][isBusy ? 0 : 1];
  if (name === "runs") dueAt.statuses = watched().length ? Date.now() + EVERY_MS.statuses[isBusy ? 0 : 1] : Infinity;
  showConnection();
  document.body.dataset.loads = String(Number(document.body.dataset.loads ?? 0) + 1);
  if (["health", "runs", "seasons"].every((one) => dueAt[one] > 0)) document.body.dataset.ready = "status";
}

function showConnection() {
  const [problem] = problems.values();
  byId("connection").classList.toggle("alarm", problem !== undefined);
  const shown = readAt === null ? "" : ` What is shown is of ${momentText(readAt)}.`;
  setText(byId("connection"), problem === undefined ? "" : `${problem}${shown} This page goes on trying.`);
}

function tick() {
  const now = Date.now();
  for (const name of Object.keys(LOADS)) if (dueAt[name] <= now) load(name);
  refreshLiveTexts(now);
  // A document may have outlived itself, a run may have fallen silent, without any new word.
  if (state.health && document.body.dataset.health !== judge(state.health, now).state) drawHealth();
}

/** Read while somebody looks, and at once when somebody looks again. */
function wake() {
  clearInterval(timer);
  timer = null;
  if (document.hidden) return;
  for (const name of ["health", "runs", "seasons"]) dueAt[name] = Math.min(dueAt[name], Date.now());
  timer = setInterval(tick, TICK_MS);
  tick();
}

showLegend();
setText(byId("zone"), ZONE === "UTC" ? "All times are UTC." : `Times are local (${ZONE}), with UTC beside them.`);
document.addEventListener("visibilitychange", wake);
wake();
