// How moments and lengths of time are written on the status page: local time first, UTC beside it.

import { element, setText } from "./dom.js";

/** @typedef {"ago" | "for" | "in"} Kind how a moment is told: how long ago, for how long, in how long */

const LOCALE = "en-GB";
/** @type {Intl.DateTimeFormatOptions} */
const DAY = { weekday: "short", day: "numeric", month: "short" };
/** @type {Intl.DateTimeFormatOptions} */
const CLOCK = { hour: "2-digit", minute: "2-digit" };
/** @type {Intl.DateTimeFormatOptions} */
const UTC = { timeZone: "UTC" };

/** The reader's own zone, `Europe/Berlin`. */
export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";

/**
 * Read a published time.
 *
 * @param {unknown} text ISO 8601, or anything
 * @returns {number | null} milliseconds since 1970, null if it is none
 */
export function parseTime(text) {
  const ms = typeof text === "string" ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

/**
 * @param {number} ms a moment
 * @param {...Intl.DateTimeFormatOptions} parts what to write of it
 * @returns {string} as written
 */
const write = (ms, ...parts) => new Intl.DateTimeFormat(LOCALE, Object.assign({}, ...parts)).format(ms);

/**
 * @param {number} ms a moment
 * @returns {boolean} whether local time is UTC then
 */
const isUtc = (ms) => new Date(ms).getTimezoneOffset() === 0;

/**
 * A moment in local time: "16:00" of today, "Sat 7 Mar, 16:00" of another day; with the year where it is another one.
 *
 * @param {number} ms the moment
 * @param {number} nowMs the present
 * @returns {string} as written
 */
export function localText(ms, nowMs = Date.now()) {
  const [then, now] = [new Date(ms), new Date(nowMs)];
  if (then.toDateString() === now.toDateString()) return write(ms, CLOCK);
  return write(ms, DAY, CLOCK, then.getFullYear() === now.getFullYear() ? {} : { year: "numeric" });
}

/**
 * A moment in UTC: "15:00 UTC", with the day where it is not the local one.
 *
 * @param {number} ms the moment
 * @returns {string} as written
 */
export function utcText(ms) {
  const sameDay = new Date(ms).getDate() === new Date(ms).getUTCDate();
  return `${sameDay ? "" : `${write(ms, DAY, UTC)}, `}${write(ms, CLOCK, UTC)} UTC`;
}

/**
 * A length of time, two units at most: 7_980_000 -> "2 h 13 min".
 *
 * @param {number} ms the length
 * @returns {string} as written
 */
export function lengthText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600), Math.floor(seconds / 60)];
  /** @type {(big: number, unit: string, small: number, other: string) => string} */
  const two = (big, unit, small, other) => (small ? `${big} ${unit} ${small} ${other}` : `${big} ${unit}`);
  if (days) return two(days, days === 1 ? "day" : "days", hours % 24, "h");
  if (hours) return two(hours, "h", minutes % 60, "min");
  if (minutes) return minutes < 10 && seconds % 60 ? two(minutes, "min", seconds % 60, "s") : `${minutes} min`;
  return `${seconds} s`;
}

/**
 * A length of time that is past, one unit: 7_980_000 -> "2 h".
 *
 * @param {number} ms the length
 * @returns {string} as written
 */
export function roughLengthText(ms) {
  const minutes = Math.floor(ms / 60_000);
  const whole = minutes < 60 ? minutes : minutes < 1440 ? minutes - (minutes % 60) : minutes - (minutes % 1440);
  return lengthText(minutes ? whole * 60_000 : ms);
}

/** @type {Record<Kind, (ms: number, now: number) => string>} */
const WORDS = {
  ago: (ms, now) => (now - ms < 5000 ? "just now" : `${roughLengthText(now - ms)} ago`),
  for: (ms, now) => `for ${lengthText(now - ms)}`,
  in: (ms, now) => (ms > now ? `in ${lengthText(ms - now)}` : `due ${roughLengthText(now - ms)} ago`),
};

/**
 * A text that goes on with the time.
 *
 * @param {Kind} kind how it is told
 * @param {number} ms the moment it tells of
 * @param {Record<string, unknown>} properties of the element
 * @returns {HTMLElement} the text
 */
export function liveText(kind, ms, properties = {}) {
  return element("span", { ...properties, data: { live: kind, at: String(ms) } }, WORDS[kind](ms, Date.now()));
}

/**
 * Bring every text of :func:`liveText` up to the present moment.
 *
 * @param {number} now the present
 */
export function refreshLiveTexts(now = Date.now()) {
  for (const target of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-live]"))) {
    setText(target, WORDS[/** @type {Kind} */ (target.dataset.live)](Number(target.dataset.at), now));
  }
}

/**
 * A moment: local time, and UTC beside it where that is another one.
 *
 * @param {number} ms the moment
 * @param {Record<string, unknown>} properties of the element
 * @returns {HTMLElement} the time
 */
export function moment(ms, properties = {}) {
  const parts = isUtc(ms) ? [`${localText(ms)} UTC`] : [localText(ms), " ", element("span", { class: "utc" }, utcText(ms))];
  return element("time", { dateTime: new Date(ms).toISOString(), ...properties }, ...parts);
}

/**
 * The same as a text alone, for sentences and tooltips.
 *
 * @param {number} ms the moment
 * @returns {string} as written
 */
export function momentText(ms) {
  return isUtc(ms) ? `${localText(ms)} UTC` : `${localText(ms)} (${utcText(ms)})`;
}
