// The page: which view the address asks for, keys and buttons, and problems in words.

import { byId, setText } from "./dom.js";
import { LoadError } from "./fetch.js";
import { showLibrary } from "./library.js";
import { Player } from "./player.js";

const ADDRESS_EVERY_MS = 2000;
let player = null;
let listing = null;
let addressAt = 0;

/** What the address asks for: `#session=9472&t=1234000&car=1` or `#year=2024`. */
function wanted() {
  const query = new URLSearchParams(location.hash.slice(1));
  const number = (name) => (/^\d+$/.test(query.get(name) ?? "") ? Number(query.get(name)) : null);
  return { session: number("session"), timeMs: number("t"), car: query.get("car"), year: number("year") };
}

async function route() {
  const { session, timeMs, car, year } = wanted();
  if (session !== null && player?.sessionKey === session && player.ready) {
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
    if (error.name === "AbortError") return;
    byId("session").hidden = !player?.ready;
    showProblem(error);
  }
}

async function openLibrary(year) {
  setText(byId("title"), "Formula 1 sessions, replayed");
  document.title = "parcferme";
  listing = new AbortController();
  await showLibrary(year, listing.signal);
  document.body.dataset.ready = "library";
}

async function openSession(session, timeMs, car) {
  setText(byId("title"), "Loading…");
  player = new Player(session, { onMoved: writeAddress, onProblem: showProblem });
  await player.open(timeMs, car);
}

function clear() {
  player?.dispose();
  player = null;
  listing?.abort();
  hideProblem();
  for (const name of ["ready", "complete", "tick", "t", "fps", "firstFrameMs"]) delete document.body.dataset[name];
  for (const id of ["messages", "weather"]) delete byId(id).dataset.shown;
}

function writeAddress(timeMs, car) {
  addressAt = performance.now();
  const parts = [`session=${player.sessionKey}`, `t=${Math.round(timeMs)}`, ...(car ? [`car=${car}`] : [])];
  history.replaceState(null, "", `#${parts.join("&")}`);
}

function showProblem(error) {
  if (error.name === "AbortError") return;
  const words = error instanceof LoadError ? error.message : `Something in this page went wrong (${error.message}). Reload it; if that does not help, please report it.`;
  if (!(error instanceof LoadError)) console.error(error);
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

/** Keys: space plays and pauses, arrows seek, up and down change the speed. Other controls keep their own keys. */
function onKey(event) {
  if (!player?.ready || event.ctrlKey || event.metaKey || event.altKey) return;
  const inside = event.target.closest?.("button, select, a");
  if (event.key === " " && !inside) player.toggle();
  else if (inside?.tagName === "SELECT") return;
  else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    const step = (event.shiftKey ? 60 : 5) * 1000;
    player.seek(player.clock.timeMs + (event.key === "ArrowLeft" ? -step : step));
  } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    if (inside || event.target !== document.body) return;
    changeRate(event.key === "ArrowUp" ? 1 : -1);
  } else return;
  event.preventDefault();
}

function changeRate(by) {
  const select = byId("rate");
  select.selectedIndex = Math.min(Math.max(select.selectedIndex + by, 0), select.options.length - 1);
  player.setRate(Number(select.value));
}

function listen() {
  window.addEventListener("hashchange", route);
  window.addEventListener("keydown", onKey);
  new ResizeObserver(() => player?.resize()).observe(byId("map").parentElement);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => player?.resize());
  byId("problem-retry").addEventListener("click", retry);
  byId("play").addEventListener("click", () => player?.ready && player.toggle());
  for (const [id, step] of [["back", -10_000], ["forward", 10_000]]) {
    byId(id).addEventListener("click", () => player?.ready && player.seek(player.clock.timeMs + step));
  }
  byId("rate").addEventListener("change", () => player?.ready && player.setRate(Number(byId("rate").value)));
  byId("gap-toggle").addEventListener("click", () => {
    player?.board?.toggleGap();
    player?.render();
  });
  byId("map").addEventListener("click", (event) => {
    const number = player?.map?.pick(event.offsetX, event.offsetY);
    if (number) player.select(number);
  });
  setInterval(() => {
    if (player?.clock?.playing && performance.now() - addressAt > ADDRESS_EVERY_MS) writeAddress(player.clock.timeMs, player.selected);
  }, ADDRESS_EVERY_MS);
}

listen();
route();
