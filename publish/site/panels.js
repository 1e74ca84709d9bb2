// The panels beside the map that the first frame does without: weather, race control, the quality of the data.

import { hoursText } from "./clock.js";
import { byId, element, setText } from "./dom.js";

/** @import { Manifest, MessageRow, Quality, WeatherRow } from "./types.d.ts" */

const MESSAGES_SHOWN = 30;
const LACKING = {
  timing: "timing: order, laps, gaps",
  telemetry: "telemetry: speed, gear, throttle, brake",
  positions: "positions of the cars on a map",
  track: "an outline of the track",
  corners: "corner numbers",
  drs: "DRS",
  weather: "weather",
  messages: "messages from race control",
  results: "official results",
  utc: "the time of day",
};

/**
 * Show the weather of the moment; the panel goes where the session has none.
 *
 * @param {WeatherRow[] | undefined} rows of the weather document
 * @param {number} timeMs the moment
 * @param {boolean} available whether the session has any
 */
export function showWeather(rows, timeMs, available) {
  const row = rows?.findLast((entry) => entry.time_ms !== null && entry.time_ms <= timeMs);
  const pairs = row
    ? [
        ["Air", measured(row.air_temp_c, "°C")],
        ["Track", measured(row.track_temp_c, "°C")],
        ["Humidity", measured(row.humidity_percent, "%")],
        ["Wind", measured(row.wind_speed_mps, "m/s")],
        ["Pressure", measured(row.pressure_mbar, "mbar")],
        ["Rain", row.rainfall === null ? "–" : row.rainfall ? "yes" : "no"],
      ]
    : [["", "Not known yet."]];
  byId("weather-panel").hidden = !available;
  replaceIfNew(byId("weather"), JSON.stringify(pairs), () =>
    pairs.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );
}

/**
 * @param {number | null} value measured
 * @param {string} unit of it
 * @returns {string} as written
 */
function measured(value, unit) {
  return value === null ? "–" : `${value} ${unit}`;
}

/** @typedef {MessageRow & { placedMs: number | null }} PlacedMessage a message with its moment on the clock, if it is known */

/**
 * Place race control's messages on the clock: by their own time, else by the time of day where the clock has one.
 *
 * @param {MessageRow[]} rows of the messages document
 * @param {string | null} utcOrigin time of day at the clock's origin
 * @returns {PlacedMessage[]} the same rows
 */
export function placeMessages(rows, utcOrigin) {
  const originMs = utcOrigin === null ? NaN : Date.parse(utcOrigin);
  return rows.map((row) => {
    const byUtcMs = Date.parse(row.utc ?? "") - originMs;
    return { ...row, placedMs: row.time_ms ?? (Number.isNaN(byUtcMs) ? null : byUtcMs) };
  });
}

/**
 * Show race control's messages up to the moment, newest first: those without a moment by the leader's lap, those without
 * either apart, when they are asked for or nothing is hidden.
 *
 * @param {PlacedMessage[]} rows of the messages document
 * @param {number} timeMs the moment
 * @param {number | null} leaderLap the lap the leader is on
 * @param {object} how they are shown
 * @param {number} how.startMs start of the session
 * @param {boolean} how.isAvailable whether the session has any
 * @param {boolean} how.isHiding whether what is ahead is hidden
 */
export function showMessages(rows, timeMs, leaderLap, { startMs, isAvailable, isHiding }) {
  const said = saidUntil(rows, timeMs, leaderLap);
  const apart = rows.filter((row) => row.placedMs === null && row.lap === null);
  const latest = said.slice(-MESSAGES_SHOWN).reverse();
  replaceIfNew(byId("messages"), `${said.length} of ${rows.length} ${isAvailable}`, () => {
    if (!isAvailable) return [element("li", { class: "muted" }, "This session has no messages from race control.")];
    if (!said.length && (!rows.length || apart.length < rows.length)) return [element("li", { class: "muted" }, "Nothing said yet.")];
    return latest.map((row) => messageItem(row, row.placedMs === null ? `lap ${row.lap}` : hoursText(row.placedMs - startMs)));
  });
  const fold = byId("messages-apart", HTMLDetailsElement);
  fold.hidden = !apart.length;
  replaceIfNew(byId("messages-unplaced"), String(apart.length), () => {
    setText(byId("messages-apart-title"), `${apart.length} messages whose moment in the replay is not known`);
    // Whoever hides what is ahead unfolds them or not.
    fold.open = !isHiding;
    return apart.map((row) => messageItem(row, row.utc ? `${row.utc.slice(11, 19)} UTC` : ""));
  });
}

/**
 * @param {PlacedMessage[]} rows messages
 * @param {number} timeMs the moment
 * @param {number | null} leaderLap the lap the leader is on
 * @returns {PlacedMessage[]} what has been said until then
 */
export function saidUntil(rows, timeMs, leaderLap) {
  return rows.filter((row) => isSaid(row, timeMs, leaderLap));
}

/**
 * @param {PlacedMessage} row a message
 * @param {number} timeMs the moment
 * @param {number | null} leaderLap the lap the leader is on
 * @returns {boolean} whether it has been said
 */
function isSaid(row, timeMs, leaderLap) {
  if (row.placedMs !== null) return row.placedMs <= timeMs;
  return row.lap !== null && leaderLap !== null && row.lap <= leaderLap;
}

/**
 * @param {MessageRow} row a message
 * @param {string} when it was said
 * @returns {HTMLElement} its line
 */
function messageItem(row, when) {
  const flag = (row.flag ?? "").toLowerCase().replaceAll(" ", "-");
  return element("li", { class: `flag-${flag}` }, element("span", { class: "muted when" }, when), row.message ?? "");
}

/**
 * @param {HTMLElement} target whose children they are
 * @param {string} id of what is to be shown
 * @param {() => Node[]} make makes it
 */
function replaceIfNew(target, id, make) {
  if (target.dataset.shown === id) return;
  target.dataset.shown = id;
  target.replaceChildren(...make());
}

/**
 * Say what the data is worth: grade, reasons, what is lacking, where it comes from.
 *
 * @param {Manifest} manifest of the session
 * @param {Quality | null} quality the document, null where there is none
 * @param {string} manifestUrl address of the manifest
 * @param {boolean} isHiding whether what is ahead is hidden: reasons may tell of it, so that they are folded away
 */
export function showQuality(manifest, quality, manifestUrl, isHiding) {
  const lacking = Object.entries(LACKING).filter(([name]) => manifest.capabilities[name] === false);
  const reasons = quality?.reasons ?? [];
  /** @param {string[]} items to be listed */
  const list = (items) => element("ul", {}, ...items.map((text) => element("li", {}, text)));
  const grade = element("strong", {}, `Grade ${manifest.grade}`);
  byId("quality").replaceChildren(
    reasons.length
      ? element("details", { open: !isHiding }, element("summary", {}, grade, ", because:"), list(reasons))
      : element("p", {}, grade, ": nothing to complain about."),
    ...(lacking.length ? [element("p", {}, "What there is not:"), list(lacking.map(([, text]) => text))] : []),
    element("p", { class: "muted" }, "A car without a known position is not drawn: the table says “no position”. Revision ",
      element("a", { href: manifestUrl }, manifest.revision), "."),
  );
}
