// How moments and lengths of time are written on the status page: local time first, UTC beside it.

import { element, setText } from "./dom.js";

const LOCALE = "en-GB";
const DAY = { weekday: "short", day: "numeric", month: "short" };
const CLOCK = { hour: "2-digit", minute: "2-digit" };
const UTC = { timeZone: "UTC" };

/** The reader's own zone, `Europe/Berlin`. */
export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";

/** Milliseconds of a published time, or null if it is none. */
export function parseTime(text) {
  const ms = typeof text === "string" ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

const write = (ms, ...parts) => new Intl.DateTimeFormat(LOCALE, Object.assign({}, ...parts)).format(ms);
const isUtc = (ms) => new Date(ms).getTimezoneOffset() === 0;

/** "16:00" of today, "Sat 7 Mar, 16:00" of another day; with the year where it is another one. */
export function localText(ms, nowMs = Date.now()) {
  const [then, now] = [new Date(ms), new Date(nowMs)];
  if (then.toDateString() === now.toDateString()) return write(ms, CLOCK);
  return write(ms, DAY, CLOCK, then.getFullYear() === now.getFullYear() ? {} : { year: "numeric" });
}

/** "15:00 UTC", with the day where it is not the local one. */
export function utcText(ms) {
  const sameDay = new Date(ms).getDate() === new Date(ms).getUTCDate();
  return `${sameDay ? "" : `${write(ms, DAY, UTC)}, `}${write(ms, CLOCK, UTC)} UTC`;
}

/** 7_980_000 -> "2 h 13 min": two units at most. */
export function lengthText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600), Math.floor(seconds / 60)];
  const two = (big, unit, small, other) => (small ? `${big} ${unit} ${small} ${other}` : `${big} ${unit}`);
  if (days) return two(days, days === 1 ? "day" : "days", hours % 24, "h");
  if (hours) return two(hours, "h", minutes % 60, "min");
  if (minutes) return minutes < 10 && seconds % 60 ? two(minutes, "min", seconds % 60, "s") : `${minutes} min`;
  return `${seconds} s`;
}

/** 7_980_000 -> "2 h": one unit, for what is past. */
export function roughLengthText(ms) {
  const minutes = Math.floor(ms / 60_000);
  const whole = minutes < 60 ? minutes : minutes < 1440 ? minutes - (minutes % 60) : minutes - (minutes % 1440);
  return lengthText(minutes ? whole * 60_000 : ms);
}

const WORDS = {
  ago: (ms, now) => (now - ms < 5000 ? "just now" : `${roughLengthText(now - ms)} ago`),
  for: (ms, now) => `for ${lengthText(now - ms)}`,
  in: (ms, now) => (ms > now ? `in ${lengthText(ms - now)}` : `due ${roughLengthText(now - ms)} ago`),
};

/** A text that goes on with the time: `ago`, `for` or `in` the moment `ms`. */
export function liveText(kind, ms, properties = {}) {
  return element("span", { ...properties, data: { live: kind, at: String(ms) } }, WORDS[kind](ms, Date.now()));
}

/** Bring every text of :func:`liveText` up to the present moment. */
export function refreshLiveTexts(now = Date.now()) {
  for (const target of document.querySelectorAll("[data-live]")) {
    setText(target, WORDS[target.dataset.live](Number(target.dataset.at), now));
  }
}

/** A moment: local time, and UTC beside it where that is another one. */
export function moment(ms, properties = {}) {
  const parts = isUtc(ms) ? [`${localText(ms)} UTC`] : [localText(ms), " ", element("span", { class: "utc" }, utcText(ms))];
  return element("time", { dateTime: new Date(ms).toISOString(), ...properties }, ...parts);
}

/** The same as a text alone, for sentences and tooltips. */
export function momentText(ms) {
  return isUtc(ms) ? `${localText(ms)} UTC` : `${localText(ms)} (${utcText(ms)})`;
}
