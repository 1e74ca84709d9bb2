// The list of seasons and sessions.

import { byId, element } from "./dom.js";
import { LoadError, readDocument } from "./fetch.js";

/** @import { SeasonEvent, SeasonSession, SiteIndex } from "./types.d.ts" */

/** @type {Record<string, string>} */
const STATES = {
  scheduled: "scheduled",
  awaiting_data: "waiting for data",
  no_data: "no data",
  failed: "failed",
  cancelled: "cancelled",
};

/**
 * Show the sessions of a season. Throws LoadError.
 *
 * @param {number | null} year of the season; null is the newest
 * @param {AbortSignal} signal ends it
 */
export async function showLibrary(year, signal) {
  const index = await readIndex(signal);
  const season = index.seasons.find((entry) => entry.year === year) ?? index.seasons[0];
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
  byId("events").replaceChildren(...document.events.map(eventCard));
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
 * @returns {HTMLElement} its card
 */
function eventCard(event) {
  const facts = [event.location, event.country, event.date?.slice(0, 10)].filter(Boolean).join(" · ");
  const number = event.testing ? "Testing" : event.round === null ? "Dropped" : `Round ${event.round}`;
  return element(
    "article", { class: "event" },
    element("p", { class: "muted" }, number),
    element("h2", {}, event.name),
    element("p", { class: "muted" }, facts),
    element("ul", { class: "sessions" }, ...event.sessions.map((session) => element("li", {}, ...sessionEntry(event, session)))),
  );
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
