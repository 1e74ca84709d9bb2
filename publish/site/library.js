// The list of seasons and sessions.

import { byId, element, setText } from "./dom.js";
import { LoadError, readDocument } from "./fetch.js";

/** @import { SeasonEvent, SeasonSession, SiteIndex } from "./types.d.ts" */

/** @type {Record<string, string>} */
const STATES = {
  scheduled: "scheduled",
  awaiting_data: "waiting for data",
  unpublished: "not published",
  no_data: "no data",
  failed: "failed",
  cancelled: "cancelled",
};

/** States that an event's sessions have together, as a rule. */
const ABSENT = ["no_data", "unpublished"];

/**
 * Show the sessions of a season. Throws LoadError.
 *
 * @param {number | null} year of the season; null is the newest
 * @param {AbortSignal} signal ends it
 */
export async function showLibrary(year, signal) {
  const index = await readIndex(signal);
  const season = index.seasons.find((entry) => entry.year === year) ?? index.seasons[0];
  byId("now").replaceChildren();
  setText(byId("found"), "");
  byId("search", HTMLInputElement).value = "";
  byId("years").replaceChildren(
    ...index.seasons.map((entry) =>
      element("a", { href: `#year=${entry.year}`, ...(entry === season ? { "aria-current": "page" } : {}) }, String(entry.year)),
    ),
  );
  if (!season) {
    byId("events").replaceChildren(element("p", {}, "No season is published here yet."));
    return;
  }
  if (year !== null && season.year !== year) {
    throw new LoadError(`The season ${year} is not published here. Choose another one above.`);
  }
  const document = await readDocument("season", season.index, { signal });
  byId("events").replaceChildren(...document.events.map((event) => eventCard(event, season.year)));
  const { completeLibrary } = await import("./calendar.js");
  signal.throwIfAborted();
  completeLibrary(index, document, eventCard, signal);
}

/**
 * @param {AbortSignal} signal ends it
 * @returns {Promise<SiteIndex>} what is published here
 */
async function readIndex(signal) {
  try {
    return await readDocument("index", "index.json", { signal });
  } catch (error) {
    if (!(error instanceof LoadError) || error.status !== 404) throw error;
    throw new LoadError('Nothing is published here yet: index.json is missing (404). Publish a session first, for example with "make demo".', 404);
  }
}

/**
 * @param {SeasonEvent} event of a season
 * @param {number} year of it
 * @returns {HTMLElement} its card, with a place for a drawing of the circuit where one is published
 */
function eventCard(event, year) {
  const facts = [event.location, event.country].filter(Boolean).join(" · ");
  const number = event.testing ? "Testing" : event.round === null ? "Dropped" : `Round ${event.round}`;
  const mapped = event.sessions.findLast(({ state, capabilities }) => state === "published" && capabilities?.track);
  return element(
    "article", { class: "event" },
    ...(mapped ? [element("div", { class: "circuit", "aria-hidden": "true", data: { circuit: mapped.session_key, year } })] : []),
    element("p", { class: "day muted" }, `${dayText(event.date, year)} · ${number}`),
    element("h2", {}, event.name),
    element("p", { class: "muted" }, facts),
    ABSENT.includes(event.sessions[0]?.state) && event.sessions.every(({ state }) => state === event.sessions[0]?.state)
      ? element("p", { class: "muted" }, `${event.sessions.map(({ name }) => name).join(", ")}: ${STATES[event.sessions[0].state]}`)
      : element("ul", { class: "sessions" }, ...event.sessions.map((session) => element("li", {}, ...sessionEntry(event, session)))),
  );
}

/**
 * @param {string | null} date of an event
 * @param {number} year of its season
 * @returns {string} "2 Mar 2024"
 */
function dayText(date, year) {
  const ms = Date.parse(date ?? "");
  return Number.isNaN(ms) ? String(year) : new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).format(ms);
}

/**
 * @param {SeasonEvent} event of a season
 * @param {SeasonSession} session of the event
 * @returns {(Node | string)[]} what is said of it
 */
function sessionEntry(event, session) {
  if (session.state === "published") {
    const link = element("a", { href: `#session=${session.session_key}`, data: { session: session.session_key } }, session.name);
    link.setAttribute("aria-label", `${event.name}, ${session.name}: replay`);
    const grade = element("span", { class: `grade grade-${session.grade}`, title: "Grade of the data, A is best" }, session.grade ?? "?");
    const note = session.capabilities?.positions === false ? [element("span", { class: "muted" }, " timing only")] : [];
    return [link, " ", grade, ...note];
  }
  const start = session.start_utc ? ` ${session.start_utc.slice(0, 16).replace("T", " ")} UTC` : "";
  const words = STATES[session.state] ?? session.state;
  return [element("span", {}, session.name), element("span", { class: "muted" }, ` ${words}${session.state === "scheduled" ? start : ""}`)];
}
