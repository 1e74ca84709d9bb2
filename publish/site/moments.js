// Moments of a session that somebody wants to go to: laps, parts, what happened, and those that were typed.

import { happeningsOf } from "./happenings.js";

/** @import { PlacedMessage } from "./panels.js" */
/** @import { Session } from "./session.js" */
/** @import { LapRow } from "./types.d.ts" */

/** @typedef {"any" | "place" | "pit" | "flag"} Kind what somebody goes through */
/** @typedef {{ timeMs: number, text: string, type: "place" | "pit" | "flag", car: string | null }} Event something to go to */
/** @typedef {{ status: string | null, from: number }} StatusRun a track status and when it began */

/** Who goes back stands before what he has just been at: within this he means the one before. */
const BACK_MS = 1500;
/** @type {Record<string, string>} */
const FLAGS = { 1: "Track clear", 2: "Yellow flag", 4: "Safety car", 5: "Red flag", 6: "Virtual safety car", 7: "Virtual safety car ending" };

/** The moments of a session. */
export class Moments {
  /**
   * @param {Session} session whose moments they are
   * @param {LapRow[]} laps of all cars
   * @param {PlacedMessage[]} messages of race control
   */
  constructor(session, laps, messages) {
    this.session = session;
    this.laps = laps;
    const codes = new Map(session.manifest.drivers.map(({ number, code }) => [number, code]));
    /** @type {Event[]} */
    this.happened = happeningsOf(laps, [], session.isRace).flatMap((one) => {
      if (one.type === "place" && isLost(one.text)) return [];
      const text = one.car === null ? one.text : one.text.replace(one.car, codes.get(one.car) ?? one.car);
      return [{ ...one, text }];
    });
    const chequered = messages.find(({ flag, placedMs }) => flag === "CHEQUERED" && placedMs !== null);
    if (chequered) this.happened.push({ timeMs: Number(chequered.placedMs), text: "Chequered flag", type: "flag", car: null });
    if (session.manifest.clock.race_start_ms !== null) this.happened.push({ timeMs: session.startMs, text: "Start", type: "flag", car: null });
    for (const part of session.parts.parts) this.happened.push({ timeMs: part.start_ms, text: `${part.name} begins`, type: "flag", car: null });
  }

  /**
   * What happened next, or before.
   *
   * @param {number} timeMs the moment to go from
   * @param {1 | -1} way forwards or back
   * @param {object} among what is looked through
   * @param {Kind} among.kind of what happened
   * @param {string | null} among.car whose stops and places; null of all
   * @param {StatusRun[]} among.statuses track statuses as they followed each other
   * @returns {Event | null} what is to be gone to; null if there is nothing more
   */
  event(timeMs, way, { kind, car, statuses }) {
    /** @type {Event[]} */
    const flags = statuses.slice(1).map(({ status, from }) => ({ timeMs: from, text: FLAGS[status ?? ""] ?? "Track status", type: "flag", car: null }));
    const wanted = [...this.happened, ...flags].filter((one) =>
      (kind === "any" || one.type === kind) && (car === null || one.car === null || one.car === car));
    return nearest(wanted, timeMs, way);
  }

  /**
   * When laps begin: those of a car, else of whoever leads a race; elsewhere the parts of the session.
   *
   * @param {string | null} car racing number, null for none
   * @returns {{ timeMs: number, lap: number }[]} beginnings, in order
   */
  beginnings(car) {
    const rows = car === null ? this.laps : this.laps.filter((row) => row.car === car);
    if (car === null && !this.session.isRace) return this.session.parts.parts.map((part, index) => ({ timeMs: part.start_ms, lap: index + 1 }));
    /** @type {Map<number, number>} */
    const begins = new Map(this.session.isRace ? [[1, this.session.startMs]] : []);
    for (const { lap, end_ms: endMs, start_ms: startMs } of rows) {
      if (endMs !== null) begins.set(lap + 1, Math.min(begins.get(lap + 1) ?? Infinity, endMs));
      if (!this.session.isRace && startMs !== null) begins.set(lap, Math.min(begins.get(lap) ?? Infinity, startMs));
    }
    const last = Math.max(0, ...rows.map(({ lap }) => lap));
    return [...begins].filter(([lap]) => lap <= last).map(([lap, timeMs]) => ({ timeMs, lap })).sort((a, b) => a.timeMs - b.timeMs);
  }

  /**
   * The moment somebody typed: a lap ("lap 12", "12"), a time since the start ("45:10", "1:02:03.5", "-0:30") or a time
   * of day ("15:48:42 UTC").
   *
   * @param {string} text as typed
   * @param {string | null} car whose laps are meant; null for the leader's
   * @returns {number | string} the moment, or what is wrong with the text
   */
  typed(text, car) {
    const { isRace, startMs, manifest } = this.session;
    const clean = text.trim().toLowerCase();
    const lap = /^(?:l|lap\s*)?(\d{1,3})$/.exec(clean)?.[1];
    if (lap && (isRace || car !== null)) {
      const begins = this.beginnings(car);
      const found = begins.find((one) => one.lap === Number(lap));
      return found ? found.timeMs : `There is no lap ${lap}: the last one is ${begins.at(-1)?.lap ?? "not known"}.`;
    }
    const time = /^(-?)(?:(\d{1,2}):)?(\d{1,3}):(\d{2}(?:\.\d{1,3})?)(\s*utc|z)?$/.exec(clean.replace("−", "-"));
    if (!time) return "Not understood. Write a lap (12), a time since the start (45:10 or 1:02:03.5) or a time of day (15:48:42 UTC).";
    const [, minus, hours = "0", minutes, seconds, utc] = time;
    const ms = Math.round((Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000);
    if (!utc) return startMs + (minus ? -ms : ms);
    const originMs = Date.parse(manifest.clock.utc_origin ?? "");
    if (Number.isNaN(originMs)) return "The time of day of this session is not known.";
    const day = 24 * 3600 * 1000;
    // The first such time of day from the beginning of the clock on: a session may go over midnight.
    return (((ms - originMs) % day) + day) % day;
  }
}

/**
 * @template {{ timeMs: number }} Kind
 * @param {Kind[]} list in any order
 * @param {number} timeMs the moment to go from
 * @param {1 | -1} way forwards or back
 * @returns {Kind | null} the next one that way
 */
export function nearest(list, timeMs, way) {
  const ahead = list.filter((one) => (way > 0 ? one.timeMs > timeMs + 1 : one.timeMs < timeMs - BACK_MS));
  return ahead.reduce((best, one) => (best === null || (one.timeMs - best.timeMs) * way < 0 ? one : best), /** @type {Kind | null} */ (null));
}

/**
 * @param {string} text of a place won or lost
 * @returns {boolean} whether it was lost: somebody else's won place tells the same
 */
function isLost(text) {
  const [from, to] = [...text.matchAll(/\b(?:place|to) (\d+)/g)].map((match) => Number(match[1]));
  return to > from;
}
