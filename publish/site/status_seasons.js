// Every season as a grid: a row for each event, a column for each session, a cell for how it stands.

import { byId, element, setText } from "./dom.js";
import { LoadError, readJson } from "./fetch.js";
import { sessionName } from "./status_runs.js";
import { momentText, parseTime } from "./times.js";

const ORDER = ["FP1", "FP2", "FP3", "SQ", "S", "Q", "R"];
const GRADES = ["A", "B", "C", "D", "E", "F"];
const STATES = {
  scheduled: ["○", "scheduled"],
  awaiting_data: ["…", "waiting for data"],
  failed: ["✕", "failed"],
  unavailable: ["–", "not published"],
  cancelled: ["⊘", "cancelled"],
};
const RUNNING = ["▸", "running now"];
const SILENT = ["!", "no sign of life"];

/** Say what the cells mean. */
export function showLegend() {
  const chip = (look, sign) => element("span", { class: `slot tiny slot-${look}` }, sign);
  const grades = element("li", {}, ...[..."ABCDF"].flatMap((grade) => [chip(grade, grade), " "]), "published; the grade of the data, A is best");
  const others = [["running", RUNNING], ["silent", SILENT], ...Object.entries(STATES)];
  byId("legend").replaceChildren(grades, ...others.map(([look, [sign, words]]) => element("li", {}, chip(look, sign), ` ${words}`)));
}

/** How a session stands: look, sign and words. `run`: what runs for it now, or null. */
export function standing(session, run) {
  if (run?.isSilent) return { look: "silent", sign: SILENT[0], words: SILENT[1] };
  if (run) return { look: "running", sign: run.percent === null ? RUNNING[0] : `${Math.round(run.percent)}%`, words: RUNNING[1] };
  if (session.state === "published") {
    const grade = GRADES.includes(session.grade) ? session.grade : "?";
    return { look: grade === "?" ? "unavailable" : grade, sign: grade, words: `published, grade ${grade}` };
  }
  const [sign, words] = STATES[session.state] ?? ["?", String(session.state)];
  return { look: session.state in STATES ? session.state : "unavailable", sign, words };
}

/** The viewer's address of a published session, or null. */
export function replayLink(session) {
  return session?.state === "published" && Number.isInteger(session.session_key) ? `index.html#session=${session.session_key}` : null;
}

/** The folds of all seasons, the newest open; :func:`fillSeason` fills them. */
export function showSeasons(seasons) {
  const box = byId("seasons");
  byId("legend").hidden = !seasons.length;
  if (!seasons.length) {
    box.replaceChildren(element("p", { class: "none" }, "No season is published here yet."));
    return;
  }
  const present = new Map([...box.querySelectorAll("details")].map((fold) => [fold.dataset.year, fold]));
  const folds = seasons.map(({ year }, index) => present.get(String(year)) ?? seasonFold(year, index === 0));
  if (folds.length !== box.children.length || folds.some((fold, i) => fold !== box.children[i])) box.replaceChildren(...folds);
}

function seasonFold(year, open) {
  return element(
    "details", { class: "season", open, data: { year: String(year) } },
    element("summary", {}, element("strong", {}, String(year)), element("span", { class: "share", "aria-hidden": "true" }), element("span", { class: "muted counts" }, "Loading…")),
    element("div", { class: "scroll" }),
  );
}

const foldOf = (year) => byId("seasons").querySelector(`details[data-year="${Number(year)}"]`);
export const isOpen = (year) => foldOf(year)?.open ?? false;

/** Fill a season's grid from its document. `runOf(event, session)` gives what runs for a session, or null. */
export function fillSeason(document, runOf) {
  const fold = foldOf(document.year);
  if (!fold) return;
  const shown = JSON.stringify([document, runsOf(document, runOf)]);
  if (fold.shown === shown) return;
  fold.shown = shown;
  const scroll = fold.querySelector(".scroll");
  const unfolded = new Set([...scroll.querySelectorAll("button[aria-expanded=true]")].map((button) => button.dataset.slot));
  const focused = scroll.contains(window.document.activeElement) ? window.document.activeElement.dataset.slot : null;
  scroll.replaceChildren(grid(document, runOf));
  for (const button of scroll.querySelectorAll("button[data-slot]")) if (unfolded.has(button.dataset.slot)) toggleError(button);
  if (focused) scroll.querySelector(`[data-slot="${CSS.escape(focused)}"]`)?.focus();
  showCounts(fold, document, runOf);
}

const runsOf = (document, runOf) => document.events.map((event) => event.sessions.map((session) => runOf(event, session)));

/** Say in a season's place why it cannot be shown. */
export function failSeason(year, error) {
  const fold = foldOf(year);
  if (fold && !fold.shown) setText(fold.querySelector(".counts"), error.message);
}

function showCounts(fold, document, runOf) {
  const counts = new Map();
  for (const event of document.events) {
    for (const session of event.sessions) {
      const { look, words } = standing(session, runOf(event, session));
      const name = GRADES.includes(look) ? "published" : words;
      const entry = counts.get(name) ?? { count: 0, look: GRADES.includes(look) ? "A" : look };
      counts.set(name, { ...entry, count: entry.count + 1 });
    }
  }
  const total = [...counts.values()].reduce((sum, { count }) => sum + count, 0);
  const named = ["published", RUNNING[1], SILENT[1], ...Object.values(STATES).map(([, words]) => words)].filter((name) => counts.has(name));
  const texts = named.map((name) => (name === "published" ? `${counts.get(name).count} of ${total} published` : `${counts.get(name).count} ${name}`));
  setText(fold.querySelector(".counts"), texts.join(" · ") || "No events.");
  fold.querySelector(".share").replaceChildren(
    ...named.map((name) => {
      const part = element("span", { class: `slot-${counts.get(name).look}` });
      part.style.flexGrow = String(counts.get(name).count);
      return part;
    }),
  );
}

function grid(document, runOf) {
  const codes = new Set(document.events.flatMap((event) => event.sessions.map((session) => session.code)));
  const columns = [...ORDER.filter((code) => codes.has(code)), ...[...codes].filter((code) => !ORDER.includes(code))];
  const head = element("tr", {}, element("th", { scope: "col" }, "Event"), ...columns.map((code) => element("th", { scope: "col", title: sessionName(code) }, code)));
  return element(
    "table", { class: "grid", "aria-label": `Sessions of ${document.year}` },
    element("thead", {}, head),
    element("tbody", {}, ...document.events.map((event) => row(document.year, event, columns, runOf))),
  );
}

function row(year, event, columns, runOf) {
  const number = event.testing ? "Test" : event.round === null ? "–" : String(event.round);
  const cells = columns.map((code) => {
    const session = event.sessions.find((entry) => entry.code === code);
    return element("td", {}, ...(session ? [cell(year, event, session, runOf(event, session))] : []));
  });
  const facts = [["place", event.location], ["date", event.date?.slice(0, 10)]].filter(([, text]) => text);
  const name = element(
    "th", { scope: "row" },
    element("span", { class: "round" }, number), " ",
    element("span", { class: "event-name" }, String(event.name), ...facts.flatMap(([look, text]) => [" ", element("span", { class: `muted fact-${look}` }, String(text))])),
  );
  return element("tr", {}, name, ...cells);
}

function cell(year, event, session, run) {
  const { look, sign, words } = standing(session, run);
  const startMs = parseTime(session.start_utc);
  const told = `${event.name}, ${session.name}: ${words}${startMs === null ? "" : `; starts ${momentText(startMs)}`}`;
  const slot = `${event.round} ${event.name} ${session.code}`;
  const common = { class: `slot slot-${look}`, title: told, "aria-label": told, data: { slot } };
  const link = replayLink(session);
  if (link) return element("a", { ...common, href: link }, sign);
  const canTell = session.state === "failed" && !run && Number.isInteger(event.round) && /^[A-Z0-9]+$/.test(session.code);
  if (!canTell) return element("span", { ...common, role: "img" }, sign);
  const button = element("button", { ...common, type: "button", "aria-expanded": "false" }, sign);
  const key = `v1/status/${Number(year)}/${event.round}/${session.code}.json`;
  button.addEventListener("pointerenter", () => addTooltip(button, key, told), { once: true });
  button.addEventListener("click", () => toggleError(button));
  Object.assign(button.dataset, { key, told: `${event.name}, ${session.name}` });
  return button;
}

/** What went wrong, in the words of the session's status document. */
async function readError(key) {
  try {
    const status = await readJson(key);
    return String(status.error ?? status.message ?? "Its status document does not say why.");
  } catch (error) {
    if (error instanceof LoadError) return `Why cannot be read. ${error.message}`;
    throw error;
  }
}

async function addTooltip(button, key, told) {
  button.title = `${told}\n${await readError(key)}`;
}

/** Unfold or fold the row below that says what went wrong. */
async function toggleError(button) {
  const line = button.closest("tr");
  const open = button.getAttribute("aria-expanded") === "true";
  line.nextElementSibling?.matches(".why") && line.nextElementSibling.remove();
  for (const other of line.querySelectorAll("button[aria-expanded]")) other.setAttribute("aria-expanded", "false");
  if (open) return;
  button.setAttribute("aria-expanded", "true");
  const text = element("p", { class: "error" }, "Loading…");
  const why = element("tr", { class: "why" }, element("td", { colspan: String(line.children.length) }, element("div", { class: "why-box" }, element("strong", {}, `${button.dataset.told} failed`), text)));
  line.after(why);
  text.textContent = await readError(button.dataset.key);
}
