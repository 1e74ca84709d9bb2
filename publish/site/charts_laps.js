// What the charts show of laps: crossings of the line, gaps, stints, and where a moment lies on an axis of laps.

/** @import { LapRow, ResultRow } from "./types.d.ts" */

/** @typedef {{ status: string | null, from: number, to: number }} StatusRun a run of one track status, in ms */
/** @typedef {{ from: number, to: number, kind: string, text: string }} Band a part of an axis under a flag or a safety car */

/**
 * A run of laps on one set of tyres.
 *
 * @typedef {object} Stint
 * @property {string} car racing number
 * @property {string | null} compound null where it is not known
 * @property {boolean | null} isNew whether the set was new, null where it is not known
 * @property {number | null} ageAtStart laps it had done before, null where it is not known
 * @property {LapRow[]} laps the laps begun, never none
 */

const SLOWED = /[4567]/; // codes of a track status: safety car, red flag, virtual safety car, its ending

/** Every lap of a session, asked for up to a moment: what comes after it does not exist yet. */
export class Laps {
  /**
   * @param {LapRow[]} rows of the laps document
   * @param {object} more what it needs besides
   * @param {ResultRow[]} more.results of which the grid alone is read
   * @param {number} more.startMs start of the session
   * @param {number | null} more.totalLaps of a race, null elsewhere
   */
  constructor(rows, { results, startMs, totalLaps }) {
    this.startMs = startMs;
    this.isRace = totalLaps !== null;
    /** @type {Map<string, LapRow[]>} */
    this.byCar = new Map();
    for (const row of [...rows].sort((a, b) => a.lap - b.lap)) this.byCar.set(row.car, [...(this.byCar.get(row.car) ?? []), row]);
    /** Places on the grid; who starts from the pit lane has none. */
    this.grid = new Map(results.flatMap(({ car, grid }) => (grid ? [[car, grid]] : [])));
    this.lapCount = totalLaps ?? Math.max(0, ...rows.map(({ lap }) => lap));
    /** When the first car ended each lap; of lap 0 the start. */
    this.firstEnds = [startMs];
    for (const { lap, end_ms: end } of rows.filter((row) => this.isWhole(row))) {
      if (end !== null) this.firstEnds[lap] = Math.min(this.firstEnds[lap] ?? Infinity, end);
    }
  }

  /**
   * @param {LapRow} row a lap
   * @returns {boolean} whether it ended at the line: the last lap of a race's retirement has an end, but no place there
   */
  isWhole(row) {
    return !this.isRace || row.position !== null;
  }

  /**
   * @param {string} car racing number
   * @param {number} untilMs the present
   * @returns {LapRow[]} its laps that have ended by then
   */
  ended(car, untilMs) {
    return (this.byCar.get(car) ?? []).filter(({ end_ms: end }) => end !== null && end <= untilMs);
  }

  /**
   * @param {string} car racing number
   * @param {number} untilMs the present
   * @returns {LapRow[]} its laps that have begun by then
   */
  begun(car, untilMs) {
    return (this.byCar.get(car) ?? []).filter(({ start_ms: start }) => start !== null && start <= untilMs);
  }

  /**
   * How many laps the leader has done, with the part of the present one.
   *
   * @param {number} timeMs a moment
   * @returns {number} 0 before the start, the number of laps after the end
   */
  lapAt(timeMs) {
    const lap = this.firstEnds.findLastIndex((end) => end <= timeMs);
    if (lap < 0) return 0;
    const [from, to] = [this.firstEnds[lap], this.firstEnds[lap + 1]];
    return to === undefined ? lap : lap + (timeMs - from) / (to - from);
  }

  /**
   * Gaps at the line at the end of every lap.
   *
   * @param {string} car racing number
   * @param {string | null} reference car it is measured from, null for whoever ended that lap first
   * @param {number} untilMs the present
   * @returns {{ row: LapRow, gapMs: number }[]} positive behind, negative ahead; laps that the reference has not ended are left out
   */
  gaps(car, reference, untilMs) {
    const ends = reference === null ? null : new Map(this.ended(reference, untilMs).map(({ lap, end_ms: end }) => [lap, end]));
    return this.ended(car, untilMs).filter((row) => this.isWhole(row)).flatMap((row) => {
      const from = ends ? ends.get(row.lap) : this.firstEnds[row.lap];
      return from === undefined || from === null || row.end_ms === null ? [] : [{ row, gapMs: row.end_ms - from }];
    });
  }

  /**
   * @param {string} car racing number
   * @param {number} untilMs the present
   * @returns {Stint[]} its runs on one set of tyres, as far as they have begun
   */
  stints(car, untilMs) {
    /** @type {Stint[]} */
    const stints = [];
    for (const row of this.begun(car, untilMs)) {
      const last = stints.at(-1);
      const before = last?.laps.at(-1);
      if (last && before && before.stint === row.stint && before.compound === row.compound) last.laps.push(row);
      else {
        const age = row.tyre_age_laps === null ? null : Math.max(row.tyre_age_laps - 1, 0);
        stints.push({ car, compound: row.compound, isNew: row.compound === null ? null : row.tyre_fresh, ageAtStart: age, laps: [row] });
      }
    }
    return stints;
  }

  /**
   * The best lap of a car so far; deleted laps do not count.
   *
   * @param {string} car racing number
   * @param {number} untilMs the present
   * @returns {LapRow | null} null without a time
   */
  best(car, untilMs) {
    const timed = this.ended(car, untilMs).filter(({ lap_time_ms: time, deleted }) => time !== null && !deleted);
    return timed.reduce((best, row) => (Number(row.lap_time_ms) < (best?.lap_time_ms ?? Infinity) ? row : best), /** @type {LapRow | null} */ (null));
  }
}

/**
 * @param {LapRow} row a lap
 * @returns {boolean} whether it was driven under a safety car, virtual or not, or a red flag
 */
export function isSlowed(row) {
  return SLOWED.test(row.track_statuses ?? "");
}

/**
 * @param {LapRow} row a lap
 * @returns {boolean} whether its time says how fast the car was: no lap from or into the pit lane, none slowed by a flag, not the first
 */
export function isClean(row) {
  return row.lap_time_ms !== null && row.pit_in_ms === null && row.pit_out_ms === null && row.lap > 1 && !isSlowed(row);
}

/**
 * What was not clear of the track, as parts of an axis.
 *
 * @param {StatusRun[]} runs of the track status
 * @param {Record<string, { text: string, kind: string }>} statuses what each code says and looks like
 * @param {(timeMs: number) => number} place of a moment on the axis
 * @param {number} untilMs the present
 * @returns {Band[]} one for each run
 */
export function bandsOf(runs, statuses, place, untilMs) {
  return runs.flatMap(({ status, from, to }) => {
    const known = statuses[status ?? ""];
    if (!known || known.kind === "clear" || from >= untilMs) return [];
    return [{ from: place(from), to: place(Math.min(to, untilMs)), kind: known.kind, text: known.text }];
  });
}

/**
 * @param {number[]} values any, none of them NaN
 * @param {number} part 0 for the smallest to 1 for the largest
 * @returns {number} the value below which this part of them lies; NaN of none
 */
export function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * part)] ?? NaN;
}
