// How true the published sessions are: agreement with what is officially known, coverage, findings, grade.

import { byId, element, setText } from "./dom.js";
import { isAbort, LoadError, readDocument } from "./fetch.js";
import { learnSessionTypes, sessionName } from "./session_types.js";
import { replayLink } from "./status_seasons.js";

/** @import { Agreement, Season, SeasonEvent, SeasonSession } from "./types.d.ts" */

/** @typedef {{ event: SeasonEvent, session: SeasonSession }} Row one published session */

let reading = new AbortController();

/** @returns {number | null} the year the address asks for */
const wantedYear = () => {
  const year = new URLSearchParams(location.hash.slice(1)).get("year") ?? "";
  return /^\d+$/.test(year) ? Number(year) : null;
};

async function show() {
  reading.abort();
  reading = new AbortController();
  const { signal } = reading;
  byId("problem").hidden = true;
  delete document.body.dataset.ready;
  try {
    await showYear(wantedYear(), signal);
    document.body.dataset.ready = "truth";
  } catch (error) {
    if (isAbort(error)) return;
    if (!(error instanceof LoadError)) throw error;
    setText(byId("problem"), error.message);
    byId("problem").hidden = false;
    setText(byId("sums"), "");
    byId("table").replaceChildren();
  }
}

/**
 * @param {number | null} year of the season; null is the newest
 * @param {AbortSignal} signal ends it
 */
async function showYear(year, signal) {
  const index = await readDocument("index", "index.json", { signal });
  learnSessionTypes(index);
  const link = index.seasons.find((entry) => entry.year === year) ?? (year === null ? index.seasons[0] : undefined);
  byId("years").replaceChildren(
    ...index.seasons.map((entry) => element("a", { href: `#year=${entry.year}`, ...(entry === link ? { "aria-current": "page" } : {}) }, String(entry.year))),
  );
  if (!link) throw new LoadError(year === null ? "No season is published here yet." : `The season ${year} is not published here. Choose another one above.`);
  const season = await readDocument("season", link.index, { signal });
  const rows = publishedOf(season);
  setText(byId("sums"), sumsOf(rows.map(({ session }) => session)));
  byId("table").replaceChildren(...(rows.length ? [tableOf(rows)] : []));
}

/**
 * @param {Season} season the document
 * @returns {Row[]} its published sessions
 */
const publishedOf = (season) =>
  season.events.flatMap((event) => event.sessions.filter((session) => session.state === "published").map((session) => ({ event, session })));

/**
 * @param {SeasonSession[]} sessions that are published
 * @returns {string} what can be said of all of them
 */
function sumsOf(sessions) {
  if (!sessions.length) return "No session of this season is published yet.";
  /** @param {"lap_chart" | "finish_order"} name of what was compared */
  const total = (name) => {
    const found = sessions.map(({ verdict }) => verdict?.[name]).filter((one) => one !== null && one !== undefined);
    return found.reduce((sum, one) => ({ compared: sum.compared + one.compared, agree: sum.agree + one.agree }), { compared: 0, agree: 0 });
  };
  const chart = total("lap_chart");
  const finish = total("finish_order");
  const parts = [`${sessions.length} ${sessions.length === 1 ? "session" : "sessions"}.`];
  if (chart.compared) parts.push(`The order on track agrees with the official lap chart at ${chart.agree} of ${chart.compared} crossings of the line.`);
  if (finish.compared) parts.push(`${finish.agree} of ${finish.compared} classified cars are shown finishing in the order of the result.`);
  return parts.join(" ");
}

/**
 * @param {Row[]} rows of published sessions
 * @returns {HTMLElement} a table of them
 */
function tableOf(rows) {
  const heads = ["Session", "Grade", "Lap chart", "Finish", "Coordinates", "Speed", "Errors", "Warnings", "Why"];
  const head = element("tr", {}, ...heads.map((name, i) => element("th", { scope: "col", class: i > 1 && i < 8 ? "num" : "" }, name)));
  return element("table", { class: "verdicts" }, element("thead", {}, head), element("tbody", {}, ...rows.map(rowOf)));
}

/**
 * @param {Row} row of a published session
 * @returns {HTMLElement} its row of the table
 */
function rowOf({ event, session }) {
  const { verdict } = session;
  const name = `${event.name}, ${sessionName(session.code)}`;
  const link = replayLink(session);
  return element(
    "tr", {},
    element("th", { scope: "row" }, link ? element("a", { href: link }, name) : name),
    element("td", {}, element("span", { class: `grade grade-${session.grade}` }, session.grade ?? "?")),
    agreement(verdict?.lap_chart),
    agreement(verdict?.finish_order),
    share(verdict?.coverage.x_m),
    share(verdict?.coverage.speed_kmh),
    element("td", { class: "num" }, String(verdict?.findings.error ?? "")),
    element("td", { class: "num" }, String(verdict?.findings.warning ?? "")),
    element("td", { class: "why" }, verdict?.sentence ?? "Nothing is known: it was published by an earlier version."),
  );
}

/**
 * @param {Agreement | null | undefined} found what was compared
 * @returns {HTMLElement} its cell; what falls short stands out
 */
function agreement(found) {
  if (!found) return element("td", { class: "num muted" }, "–");
  const text = `${found.agree} of ${found.compared}`;
  return element("td", { class: "num" }, found.agree === found.compared ? text : element("span", { class: "short" }, text));
}

/**
 * @param {number | undefined} part of all, 0 to 1
 * @returns {HTMLElement} its cell
 */
const share = (part) => element("td", { class: "num" }, part === undefined ? "–" : `${(part * 100).toFixed(1)} %`);

byId("stuck").remove();
addEventListener("hashchange", show);
show();
