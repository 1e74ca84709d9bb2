// How soon sessions are published: from the end of each of the last ones to its first revision, by v1/changes.json.

import { byId, element } from "./dom.js";
import { sessionName } from "./session_types.js";
import { lengthText, liveText, moment, parseTime } from "./times.js";

/** @import { ChangesDocument, Season } from "./types.d.ts" */

/**
 * A session that is over, and when its first revision became current.
 *
 * @typedef {object} Fresh
 * @property {string} title of the session
 * @property {number} endedMs when it typically ended
 * @property {number | null} publishedMs null: it is not, or longer ago than the feed remembers
 * @property {string} state of the session in the season
 */

const SHOWN = 20;
const MINUTE_MS = 60_000;
/** How long sessions typically take, minutes; all others an hour. */
const MINUTES = new Map([["R", 120], ["SQ", 45]]);

/**
 * The last sessions that are over, the latest first.
 *
 * @param {Iterable<Season>} seasons what there is
 * @param {ChangesDocument | null} document of changes
 * @param {number} nowMs the present
 * @returns {Fresh[]} 20 of them at most
 */
export function lastSessions(seasons, document, nowMs) {
  /** @type {Map<number, number>} */
  const firstMs = new Map();
  for (const change of document?.changes ?? []) {
    const ms = parseTime(change.published_at);
    if (change.reason === "first" && ms !== null) firstMs.set(change.session_key, ms);
  }
  const found = [...seasons].flatMap((season) => season.events.filter((event) => !event.testing).flatMap((event) => event.sessions.flatMap((session) => {
    const startMs = parseTime(session.start_utc);
    if (startMs === null || session.state === "cancelled") return [];
    const endedMs = startMs + (MINUTES.get(session.code) ?? 60) * MINUTE_MS;
    const publishedMs = session.state === "published" ? firstMs.get(session.session_key ?? -1) ?? null : null;
    return endedMs > nowMs ? [] : [{ title: `${sessionName(session.code)} ${event.name} ${season.year}`, endedMs, publishedMs, state: session.state }];
  })));
  return found.sort((one, other) => other.endedMs - one.endedMs).slice(0, SHOWN);
}

/** @param {Fresh[]} sessions that are over, the latest first */
export function showFreshness(sessions) {
  const rows = sessions.map((one) => element(
    "tr", {},
    element("th", { scope: "row" }, one.title),
    element("td", {}, moment(one.endedMs)),
    element("td", {}, ...taken(one)),
  ));
  const none = element("p", { class: "none" }, "No session is over yet.");
  const head = element("tr", {}, ...["Session", "Ended", "Published after"].map((text) => element("th", { scope: "col" }, text)));
  byId("freshness").replaceChildren(rows.length ? element("table", { class: "freshness" }, element("thead", {}, head), element("tbody", {}, ...rows)) : none);
}

/**
 * @param {Fresh} one session
 * @returns {(Node | string)[]} how long it took, or what it is
 */
function taken(one) {
  if (one.publishedMs !== null) return [lengthText(Math.max(0, one.publishedMs - one.endedMs))];
  if (one.state === "published") return ["longer ago than the feed tells"];
  return [`${one.state.replaceAll("_", " ")}, ended `, liveText("ago", one.endedMs)];
}
