// The page: which view the address asks for, keys and buttons, and problems in words.

import { hoursText } from "./clock.js";
import { byId, setText } from "./dom.js";
import { isAbort, LoadError } from "./fetch.js";
import { Player } from "./player.js";
import { readSession } from "./session.js";

const ADDRESS_EVERY_MS = 2000;
/** What of the address is written here. */
const OWN_PARTS = new Set(["session", "t", "car"]);
/** @type {Player | null} */
let player = null;
let reading = new AbortController();
let addressAt = 0;

/**
 * What the address asks for: `#session=9472&t=1234000&car=1` or `#year=2024`.
 *
 * @returns {{ session: number | null, timeMs: number | null, car: string | null, year: number | null }} null: not asked
 */
function wanted() {
  const query = new URLSearchParams(location.hash.slice(1));
  /** @param {string} name of a part of the address that is a number */
  const number = (name) => (/^\d+$/.test(query.get(name) ?? "") ? Number(query.get(name)) : null);
  return { session: number("session"), timeMs: number("t"), car: query.get("car"), year: number("year") };
}

/** @returns {Player | null} the player, if there is something to play */
const playing = () => (player?.ready ? player : null);

async function route() {
  const { session, timeMs, car, year } = wanted();
  if (session !== null && player?.session.key === session && player.ready) {
    if (timeMs !== null) player.seek(timeMs);
    return;
  }
  clear();
  document.body.dataset.view = session === null ? "library" : "session";
  byId("library").hidden = session !== null;
  byId("session").hidden = session === null;
  byId("grade").hidden = true;
  try {
    if (session === null) await openLibrary(year);
    else await openSession(session, timeMs, car);
  } catch (error) {
    if (isAbort(error)) return;
    byId("session").hidden = !playing();
    showProblem(error);
  }
}

/** @param {number | null} year of the season to show, null for the newest */
async function openLibrary(year) {
  setText(byId("title"), "Formula 1 sessions, replayed");
  document.title = "parcferme";
  const { signal } = reading;
  // Who opens a session need not wait for the list of them.
  const { showLibrary } = await import("./library.js");
  signal.throwIfAborted();
  await showLibrary(year, signal);
  document.body.dataset.ready = "library";
}

/**
 * @param {number} sessionKey of the session to show
 * @param {number | null} timeMs the moment, null for its start
 * @param {string | null} car number of the selected car
 */
async function openSession(sessionKey, timeMs, car) {
  setText(byId("title"), "Loading…");
  const { signal } = reading;
  const session = await readSession(sessionKey, signal);
  signal.throwIfAborted();
  player = new Player(session, { timeMs, selected: car }, { onMoved: writeAddress, onProblem: showProblem, onSolved: hideProblem });
  await player.open();
}

function clear() {
  reading.abort();
  reading = new AbortController();
  player?.dispose();
  player = null;
  hideProblem();
  for (const name of ["ready", "complete", "tick", "t", "fps", "firstFrameMs"]) delete document.body.dataset[name];
  for (const id of ["messages", "messages-unplaced", "weather", "quality"]) {
    byId(id).replaceChildren();
    delete byId(id).dataset.shown;
  }
  byId("messages-apart").hidden = true;
}

/**
 * @param {number} timeMs the moment
 * @param {string | null} car number of the selected car
 */
function writeAddress(timeMs, car) {
  if (!player) return;
  addressAt = performance.now();
  // What other parts of the page have written there stays, as long as it is the same session.
  const before = new URLSearchParams(location.hash.slice(1));
  const others = before.get("session") === String(player.session.key) ? [...before].filter(([name]) => !OWN_PARTS.has(name)) : [];
  const parts = [`session=${player.session.key}`, `t=${Math.round(timeMs)}`, ...(car ? [`car=${car}`] : []), ...others.map((part) => new URLSearchParams([part]).toString().replaceAll("%2C", ","))];
  const watched = { session: player.session.key, title: byId("title").textContent ?? "", timeMs, at: hoursText(timeMs - player.session.startMs) };
  import("./watched.js").then(({ rememberWatched }) => rememberWatched(watched), showProblem);
  history.replaceState(null, "", `#${parts.join("&")}`);
}

/** @param {unknown} error to be told */
function showProblem(error) {
  if (isAbort(error)) return;
  const isKnown = error instanceof LoadError;
  if (!isKnown) console.error(error);
  const cause = error instanceof Error ? error.message : String(error);
  const words = isKnown ? cause : `Something in this page went wrong (${cause}). Reload it; if that does not help, please report it.`;
  setText(byId("problem-text"), words);
  byId("problem").hidden = false;
  document.body.dataset.problem = words;
  if (byId("title").textContent === "Loading…") setText(byId("title"), "Not loaded");
}

function hideProblem() {
  byId("problem").hidden = true;
  delete document.body.dataset.problem;
}

function retry() {
  hideProblem();
  if (player?.ready) player.retry();
  else route();
}

/**
 * Keys: space plays and pauses, arrows seek, up and down change the speed, letters are those of the tools. Other controls
 * keep their own keys.
 *
 * @param {KeyboardEvent} event of a key
 */
function onKey(event) {
  const current = playing();
  if (!current || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const inside = event.target instanceof Element ? event.target.closest("button, select, input[type=checkbox], summary, a") : null;
  if (event.key === " " && !inside) current.toggle();
  else if (inside?.tagName === "SELECT") return;
  else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    const step = (event.shiftKey ? 60 : 5) * 1000;
    current.seek(current.clock.timeMs + (event.key === "ArrowLeft" ? -step : step));
  } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    if (inside || event.target !== document.body) return;
    changeRate(current, event.key === "ArrowUp" ? 1 : -1);
  } else if (!current.more?.press(event.key)) return;
  event.preventDefault();
}

/**
 * @param {EventTarget | null} target of a key
 * @returns {boolean} whether somebody writes there, or reads something that lies above the replay
 */
function isTyping(target) {
  return document.querySelector("dialog[open]") !== null || (target instanceof Element && target.closest("input[type=text]") !== null);
}

/**
 * @param {Player} current what plays
 * @param {number} by steps up or down
 */
function changeRate(current, by) {
  const select = byId("rate", HTMLSelectElement);
  select.selectedIndex = Math.min(Math.max(select.selectedIndex + by, 0), select.options.length - 1);
  current.setRate(Number(select.value));
}

function listen() {
  const map = byId("map");
  const rate = byId("rate", HTMLSelectElement);
  window.addEventListener("hashchange", route);
  window.addEventListener("keydown", onKey);
  new ResizeObserver(() => player?.resize()).observe(map.parentElement ?? map);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => player?.resize());
  byId("problem-retry").addEventListener("click", retry);
  for (const id of /** @type {const} */ (["columns", "long-runs", "classification", "more"])) {
    byId(id).addEventListener("click", () => playing()?.more?.open(id));
  }
  byId("play").addEventListener("click", () => playing()?.toggle());
  for (const [id, step] of /** @type {const} */ ([["back", -10_000], ["forward", 10_000]])) {
    byId(id).addEventListener("click", () => {
      const current = playing();
      current?.seek(current.clock.timeMs + step);
    });
  }
  rate.addEventListener("change", () => playing()?.setRate(Number(rate.value)));
  const hide = byId("hide-ahead", HTMLInputElement);
  hide.addEventListener("change", () => player?.hide(hide.checked));
  map.addEventListener("click", (event) => {
    const number = player?.view.map?.pick(event.offsetX, event.offsetY);
    if (number) player?.select(number);
  });
  setInterval(() => {
    if (player?.clock.playing && performance.now() - addressAt > ADDRESS_EVERY_MS) writeAddress(player.clock.timeMs, player.selected);
  }, ADDRESS_EVERY_MS);
}

byId("stuck").remove();
listen();
route();
