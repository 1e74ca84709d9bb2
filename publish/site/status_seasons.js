// Every season as a grid: a row for each event, a column for each session, a cell for how it stands.

import { byId, element, setText } from "./dom.js";
import { LoadError, readDocument } from "./fetch.js";
import { inWeekendOrder, sessionName } from "./session_types.js";
import { momentText, parseTime } from "./times.js";

/** @import { Season, SeasonEvent, SeasonSession } from "./types.d.ts" */

/** @typedef {{ percent: number | null, isSilent: boolean }} Running what runs for a session now */
/** @typedef {(event: SeasonEvent, session: SeasonSession) => Running | null} RunOf what runs for a session now */
/** @typedef {{ look: string, sign: string, words: string }} Standing how a session stands */

const GRADES = ["A", "B", "C", "D", "F"];
/** @type {Record<string, [string, string]>} */
const STATES = {
  scheduled: ["○", "scheduled"],
  awaiting_data: ["…", "waiting for data"],
  failed: ["✕", "failed"],
  unpublished: ["·", "not published"],
  no_data: ["–", "no data"],
  cancelled: ["⊘", "cancelled"],
};
const RUNNING = /** @type {const} */ (["▸", "running now"]);
const SILENT = /** @type {const} */ (["!", "no sign of life"]);

/**
 * What every season's grid shows, as text: none is made anew for nothing.
 *
 * @type {WeakMap<HTMLElement, string>}
 */
const shownIn = new WeakMap();

/** Say what the cells mean. */
export function showLegend() {
  /** @type {(look: string, sign: string) => HTMLElement} */
  const chip = (look, sign) => element("span", { class: `slot tiny slot-${look}` }, sign);
  const grades = element("li", {}, ...GRADES.flatMap((grade) => [chip(grade, grade), " "]), "published; the grade of the data, A is best");
  const others = [["running", RUNNING], ["silent", SILENT], ...Object.entries(STATES)];
  byId("legend").replaceChildren(grades, ...others.map(([look, [sign, words]]) => element("li", {}, chip(String(look), sign), ` ${words}`)));
}

/**
 * How a session stands.
 *
 * @param {SeasonSession} session of a season
 * @param {Running | null} run what runs for it now
 * @returns {Standing} its look, sign and words
 */
export function standing(session, run) {
  if (run?.isSilent) return { look: "silent", sign: SILENT[0], words: SILENT[1] };
  if (run) return { look: "running", sign: run.percent === null ? RUNNING[0] : `${Math.round(run.percent)}%`, words: RUNNING[1] };
  if (session.state === "published") {
    const grade = session.grade && GRADES.includes(session.grade) ? session.grade : "?";
    return { look: grade === "?" ? "no_data" : grade, sign: grade, words: `published, grade ${grade}` };
  }
  const [sign, words] = STATES[session.state] ?? ["?", String(session.state)];
  return { look: session.state in STATES ? session.state : "no_data", sign, words };
}

/**
 * The viewer's address of a session.
 *
 * @param {SeasonSession | undefined} session of a season
 * @returns {string | null} null if it is not published
 */
export function replayLink(session) {
  return session?.state === "published" && Number.isInteger(session.session_key) ? `index.html#session=${session.session_key}` : null;
}

/**
 * Show the folds of all seasons, the newest open; :func:`fillSeason` fills them.
 *
 * @param {{ year: number }[]} seasons the newest first
 */
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

/**
 * @param {number} year of the season
 * @param {boolean} open whether it is unfolded
 * @returns {HTMLDetailsElement} its fold
 */
function seasonFold(year, open) {
  return element(
    "details", { class: "season", open, data: { year: String(year) } },
    element("summary", {}, element("strong", {}, String(year)), element("span", { class: "share", "aria-hidden": "true" }), element("span", { class: "muted counts" }, "Loading…")),
    element("div", { class: "scroll" }),
  );
}

/**
 * @param {number} year of the season
 * @returns {HTMLDetailsElement | null} its fold
 */
const foldOf = (year) => byId("seasons").querySelector(`details[data-year="${Number(year)}"]`);

/**
 * @param {HTMLElement} fold of a season
 * @param {string} css of a part every fold has
 * @returns {HTMLElement} the part
 */
const partOf = (fold, css) => /** @type {HTMLElement} */ (fold.querySelector(css));

/**
 * Whether a season is unfolded.
 *
 * @param {number} year of the season
 * @returns {boolean} false too where it is not shown
 */
export const isOpen = (year) => foldOf(year)?.open ?? false;

/**
 * Fill a season's grid from its document.
 *
 * @param {Season} season the document
 * @param {RunOf} runOf tells what runs
 */
export function fillSeason(season, runOf) {
  const fold = foldOf(season.year);
  if (!fold) return;
  const shown = JSON.stringify([season, runsOf(season, runOf)]);
  if (shownIn.get(fold) === shown) return;
  shownIn.set(fold, shown);
  const scroll = partOf(fold, ".scroll");
  /** @returns {HTMLButtonElement[]} cells that tell what went wrong */
  const buttons = () => [...scroll.querySelectorAll("button")];
  const unfolded = new Set(buttons().filter((button) => button.getAttribute("aria-expanded") === "true").map((button) => button.dataset.slot));
  const focused = document.activeElement instanceof HTMLElement && scroll.contains(document.activeElement) ? document.activeElement.dataset.slot : undefined;
  scroll.replaceChildren(grid(season, runOf));
  for (const button of buttons()) if (unfolded.has(button.dataset.slot)) toggleError(button);
  if (focused) /** @type {HTMLElement | null} */ (scroll.querySelector(`[data-slot="${CSS.escape(focused)}"]`))?.focus();
  showCounts(fold, season, runOf);
}

/**
 * @param {Season} season the document
 * @param {RunOf} runOf tells what runs
 * @returns {(Running | null)[][]} what runs, by event and session
 */
const runsOf = (season, runOf) => season.events.map((event) => event.sessions.map((session) => runOf(event, session)));

/**
 * Say in a season's place why it cannot be shown.
 *
 * @param {number} year of the season
 * @param {unknown} error why
 */
export function failSeason(year, error) {
  const fold = foldOf(year);
  if (fold && !shownIn.has(fold)) setText(partOf(fold, ".counts"), error instanceof Error ? error.message : String(error));
}

/**
 * @param {HTMLElement} fold of the season
 * @param {Season} season the document
 * @param {RunOf} runOf tells what runs
 */
function showCounts(fold, season, runOf) {
  /** @type {Map<string, { count: number, look: string }>} */
  const counts = new Map();
  for (const event of season.events) {
    for (const session of event.sessions) {
      const { look, words } = standing(session, runOf(event, session));
      const isGraded = GRADES.includes(look);
      const key = isGraded ? "published" : words;
      counts.set(key, { count: (counts.get(key)?.count ?? 0) + 1, look: isGraded ? "A" : look });
    }
  }
  const total = [...counts.values()].reduce((sum, { count }) => sum + count, 0);
  const named = ["published", RUNNING[1], SILENT[1], ...Object.values(STATES).map(([, words]) => words)].flatMap((words) => {
    const entry = counts.get(words);
    return entry ? [{ words, ...entry }] : [];
  });
  const texts = named.map(({ words, count }) => (words === "published" ? `${count} of ${total} published` : `${count} ${words}`));
  setText(partOf(fold, ".counts"), texts.join(" · ") || "No events.");
  partOf(fold, ".share").replaceChildren(
    ...named.map(({ look, count }) => {
      const part = element("span", { class: `slot-${look}` });
      part.style.flexGrow = String(count);
      return part;
    }),
  );
}

/**
 * @param {Season} season the document
 * @param {RunOf} runOf tells what runs
 * @returns {HTMLTableElement} its grid
 */
function grid(season, runOf) {
  const codes = new Set(season.events.flatMap((event) => event.sessions.map((session) => session.code)));
  const columns = inWeekendOrder(codes);
  const head = element("tr", {}, element("th", { scope: "col" }, "Event"), ...columns.map((code) => element("th", { scope: "col", title: sessionName(code) }, code)));
  return element(
    "table", { class: "grid", "aria-label": `Sessions of ${season.year}` },
    element("thead", {}, head),
    element("tbody", {}, ...season.events.map((event) => row(season.year, event, columns, runOf))),
  );
}

/**
 * @param {number} year of the season
 * @param {SeasonEvent} event of the season
 * @param {string[]} columns codes of sessions
 * @param {RunOf} runOf tells what runs
 * @returns {HTMLTableRowElement} the event's row
 */
function row(year, event, columns, runOf) {
  const number = event.testing ? "Test" : event.round === null ? "–" : String(event.round);
  const cells = columns.map((code) => {
    const session = event.sessions.find((entry) => entry.code === code);
    return element("td", {}, ...(session ? [cell(year, event, session, runOf(event, session))] : []));
  });
  const facts = [["place", event.location], ["date", event.date?.slice(0, 10)]].filter(([, text]) => text);
  const title = element(
    "th", { scope: "row" },
    element("span", { class: "round" }, number), " ",
    element("span", { class: "event-name" }, String(event.name), ...facts.flatMap(([look, text]) => [" ", element("span", { class: `muted fact-${look}` }, String(text))])),
  );
  return element("tr", {}, title, ...cells);
}

/**
 * @param {number} year of the season
 * @param {SeasonEvent} event of the season
 * @param {SeasonSession} session of the event
 * @param {Running | null} run what runs for it now
 * @returns {HTMLElement} what is in the session's cell
 */
function cell(year, event, session, run) {
  const { look, sign, words } = standing(session, run);
  const startMs = parseTime(session.start_utc);
  const said = sign.endsWith("%") ? `${sign} ${words}` : words;
  const told = `${event.name}, ${session.name}: ${said}${startMs === null ? "" : `; starts ${momentText(startMs)}`}`;
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

/**
 * @param {string} key of the session's status document
 * @returns {Promise<string>} what went wrong, in its words
 */
async function readError(key) {
  try {
    const status = await readDocument("status", key);
    return String(status.error ?? status.message ?? "Its status document does not say why.");
  } catch (error) {
    if (error instanceof LoadError) return `Why cannot be read. ${error.message}`;
    throw error;
  }
}

/**
 * @param {HTMLButtonElement} button the cell of a failed session
 * @param {string} key of its status document
 * @param {string} told what the tooltip says so far
 */
async function addTooltip(button, key, told) {
  button.title = `${told}\n${await readError(key)}`;
}

/**
 * Unfold or fold the row below that says what went wrong.
 *
 * @param {HTMLButtonElement} button the cell of a failed session
 */
async function toggleError(button) {
  const line = button.closest("tr");
  if (!line) return;
  const isUnfolded = button.getAttribute("aria-expanded") === "true";
  if (line.nextElementSibling?.matches(".why")) line.nextElementSibling.remove();
  for (const other of line.querySelectorAll("button")) other.setAttribute("aria-expanded", "false");
  if (isUnfolded) return;
  button.setAttribute("aria-expanded", "true");
  const text = element("p", { class: "error" }, "Loading…");
  const box = element("div", { class: "why-box" }, element("strong", {}, `${button.dataset.told} failed`), text);
  line.after(element("tr", { class: "why" }, element("td", { colspan: String(line.children.length) }, box)));
  text.textContent = await readError(button.dataset.key ?? "");
}
