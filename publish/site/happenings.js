// What happened in a session, for marks on a time line and for going from one to the next: flags, stops, places won.

/** @import { LapRow, MessageRow } from "./types.d.ts" */

/**
 * Something that happened, for a mark on a time line.
 *
 * @typedef {object} Happening
 * @property {"flag" | "pit" | "place"} type a flag of race control, a visit to the pit lane, a place won or lost at the line
 * @property {number} timeMs when
 * @property {string | null} car racing number, null where it is nobody's
 * @property {string} text in words
 */

/**
 * Everything that happened, in the order of time.
 *
 * @param {LapRow[]} laps of all cars
 * @param {MessageRow[]} messages of race control
 * @param {boolean} isRace whether cars race each other, so that places are won on track
 * @returns {Happening[]} what happened
 */
export function happeningsOf(laps, messages, isRace) {
  const happened = [...flags(messages), ...visits(laps), ...(isRace ? places(laps) : [])];
  return happened.sort((a, b) => a.timeMs - b.timeMs);
}

/**
 * @param {MessageRow[]} messages of race control
 * @returns {Happening[]} the flags among them
 */
function flags(messages) {
  return messages.flatMap(({ time_ms: timeMs, flag, message }) =>
    flag === null || timeMs === null ? [] : [{ type: /** @type {const} */ ("flag"), timeMs, car: null, text: message ?? flag }],
  );
}

/**
 * @param {LapRow[]} laps of all cars
 * @returns {Happening[]} when each came into the pit lane
 */
function visits(laps) {
  return laps.flatMap(({ car, lap, pit_in_ms: timeMs }) =>
    timeMs === null ? [] : [{ type: /** @type {const} */ ("pit"), timeMs, car, text: `${car} comes in at the end of lap ${lap}` }],
  );
}

/**
 * @param {LapRow[]} laps of all cars of a race
 * @returns {Happening[]} who has won or lost places from one line crossing to the next
 */
function places(laps) {
  /** @type {Map<string, number>} */
  const before = new Map();
  const crossings = laps.filter(({ end_ms: end, position }) => end !== null && position !== null);
  crossings.sort((a, b) => a.lap - b.lap || Number(a.end_ms) - Number(b.end_ms));
  return crossings.flatMap(({ car, lap, end_ms: timeMs, position }) => {
    const [from, to] = [before.get(car), Number(position)];
    before.set(car, to);
    if (from === undefined || from === to) return [];
    const text = `${car} goes from place ${from} to ${to} in lap ${lap}`;
    return [{ type: /** @type {const} */ ("place"), timeMs: Number(timeMs), car, text }];
  });
}
