// What the laps say at a moment, and nothing of later: last and best laps, sectors and what they are worth, stops, tyres.

/** @import { Parts } from "./parts.js" */
/** @import { LapRow } from "./types.d.ts" */

/** @typedef {"overall" | "own" | "other"} Worth best of all cars, the car's own best, or neither, at the moment */
/** @typedef {{ ms: number, worth: Worth }} Judged a time and what it is worth */
/** @typedef {{ compound: string | null, laps: number }} Stint tyres and the laps driven on them */
/** @typedef {{ lap: number, inMs: number, outMs: number | null }} Stop a visit to the pit lane */

/** @typedef {{ endMs: number, ms: number, lap: number, part: number, car: string }} Timed something driven, with its time */

const SECTORS = /** @type {const} */ ([
  ["sector1_ms", "sector1_end_ms"], ["sector2_ms", "sector2_end_ms"], ["sector3_ms", "sector3_end_ms"],
]);

/**
 * @template {{ endMs: number }} Kind
 * @param {Kind[]} list by time
 * @param {number} timeMs the moment
 * @returns {number} how many of them are past
 */
function countUntil(list, timeMs) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].endMs <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The lowest time so far, of any number of keys, at any moment. */
class Lowest {
  constructor() {
    /** @type {Map<string, Timed[]>} */
    this.steps = new Map();
  }

  /**
   * @param {string} key of what is compared
   * @param {Timed} timed later than all before
   */
  add(key, timed) {
    const steps = this.steps.get(key) ?? [];
    const last = steps.at(-1);
    if (!last || timed.ms < last.ms) this.steps.set(key, [...steps, timed]);
  }

  /**
   * @param {string} key of what is compared
   * @param {number} timeMs the moment
   * @returns {Timed | null} the lowest until then
   */
  at(key, timeMs) {
    const steps = this.steps.get(key) ?? [];
    return steps[countUntil(steps, timeMs) - 1] ?? null;
  }
}

/** Every lap of a session, asked at a moment. */
export class LapTimes {
  /**
   * @param {LapRow[]} rows of the laps document
   * @param {Parts} parts of the session; bests are those of a part
   */
  constructor(rows, parts) {
    this.lowest = new Lowest();
    /** @type {Map<string, LapRow[]>} */
    this.laps = new Map();
    /** @type {Map<string, Timed[]>} */
    this.crossings = new Map();
    /** @type {Map<string, (Timed & { sector: number })[]>} */
    this.sectors = new Map();
    for (const row of rows) this.laps.set(row.car, [...(this.laps.get(row.car) ?? []), row]);
    for (const laps of this.laps.values()) laps.sort((a, b) => a.lap - b.lap);
    const partOf = (/** @type {LapRow} */ row) => parts.indexOfLap(row.start_ms ?? Number(row.end_ms) - Number(row.lap_time_ms));
    this.takeLaps(rows, partOf);
    this.takeSectors(rows, partOf);
  }

  /**
   * @param {LapRow[]} rows of the laps document
   * @param {(row: LapRow) => number} partOf the part of the session a lap counts in
   */
  takeLaps(rows, partOf) {
    const timed = rows.flatMap((row) => row.lap_time_ms === null || row.end_ms === null ? [] : [{ row, ms: row.lap_time_ms, endMs: row.end_ms }]);
    for (const { row, ms, endMs } of timed.sort((a, b) => a.endMs - b.endMs)) {
      const lap = { car: row.car, lap: row.lap, endMs, ms, part: partOf(row) };
      this.crossings.set(row.car, [...(this.crossings.get(row.car) ?? []), lap]);
      if (!row.deleted) this.compare("lap", lap);
    }
  }

  /**
   * A sector through the pit lane is no sector of the track, and one of a deleted lap does not count.
   *
   * @param {LapRow[]} rows of the laps document
   * @param {(row: LapRow) => number} partOf the part of the session a lap counts in
   */
  takeSectors(rows, partOf) {
    const timed = rows.flatMap((row) => SECTORS.flatMap(([time, end], sector) => {
      const [ms, endMs] = [row[time], row[end]];
      return ms === null || endMs === null ? [] : [{ row, sector, ms, endMs }];
    }));
    for (const { row, sector, ms, endMs } of timed.sort((a, b) => a.endMs - b.endMs)) {
      const driven = { car: row.car, lap: row.lap, endMs, ms, part: partOf(row), sector };
      this.sectors.set(row.car, [...(this.sectors.get(row.car) ?? []), driven]);
      const isInPits = (sector === 0 && row.pit_out_ms !== null) || (sector === 2 && row.pit_in_ms !== null);
      if (!row.deleted && !isInPits) this.compare(`sector${sector}`, driven);
    }
  }

  /**
   * @param {string} what lap or sector
   * @param {Timed} timed one of these
   */
  compare(what, timed) {
    this.lowest.add(`${what} ${timed.part}`, timed);
    this.lowest.add(`${what} ${timed.part} ${timed.car}`, timed);
  }

  /**
   * @param {string} what lap or sector
   * @param {Timed} timed one of these
   * @param {number} timeMs the moment
   * @returns {Judged} the same with its worth then
   */
  judge(what, { ms, part, car }, timeMs) {
    // What does not count, a deleted lap for example, can be quicker than the best of those that do.
    const isBest = (/** @type {string} */ key) => ms === this.lowest.at(key, timeMs)?.ms;
    const worth = isBest(`${what} ${part}`) ? "overall" : isBest(`${what} ${part} ${car}`) ? "own" : "other";
    return { ms, worth };
  }

  /**
   * @param {string} car racing number
   * @param {number} timeMs the moment
   * @returns {Judged | null} its last lap with a time
   */
  last(car, timeMs) {
    const crossings = this.crossings.get(car) ?? [];
    const lap = crossings[countUntil(crossings, timeMs) - 1];
    return lap ? this.judge("lap", lap, timeMs) : null;
  }

  /**
   * @param {string | null} car racing number, null for all together
   * @param {number} timeMs the moment
   * @param {number} part of the session; 0 in a race
   * @returns {{ car: string, ms: number, lap: number } | null} the best lap so far
   */
  best(car, timeMs, part = 0) {
    return this.lowest.at(`lap ${part}${car === null ? "" : ` ${car}`}`, timeMs);
  }

  /**
   * The three sectors of the lap the car completed one of last.
   *
   * @param {string} car racing number
   * @param {number} timeMs the moment
   * @returns {(Judged | null)[]} three; null what it has not completed or what is not known
   */
  sectorsOf(car, timeMs) {
    const driven = this.sectors.get(car) ?? [];
    const count = countUntil(driven, timeMs);
    const lap = driven[count - 1]?.lap;
    return SECTORS.map((_, sector) => {
      const found = driven.slice(Math.max(count - 3, 0), count).find((one) => one.lap === lap && one.sector === sector);
      return found ? this.judge(`sector${sector}`, found, timeMs) : null;
    });
  }

  /**
   * The best three sectors together.
   *
   * @param {string | null} car racing number, null for all together
   * @param {number} timeMs the moment
   * @param {number} part of the session
   * @returns {{ ms: number, cars: string[] } | null} the time and whose sectors they are; null while one is not known
   */
  ideal(car, timeMs, part) {
    const best = SECTORS.map((_, sector) => this.lowest.at(`sector${sector} ${part}${car === null ? "" : ` ${car}`}`, timeMs));
    if (best.includes(null)) return null;
    const known = /** @type {Timed[]} */ (best);
    return { ms: known.reduce((sum, { ms }) => sum + ms, 0), cars: known.map((one) => one.car) };
  }

  /**
   * @param {string} car racing number
   * @param {number} timeMs the moment
   * @returns {number} laps it has completed
   */
  driven(car, timeMs) {
    return (this.laps.get(car) ?? []).filter(({ end_ms: endMs }) => endMs !== null && endMs <= timeMs).length;
  }

  /**
   * @param {string} car racing number
   * @param {number} timeMs the moment
   * @returns {Stop[]} its visits to the pit lane so far
   */
  stops(car, timeMs) {
    const laps = this.laps.get(car) ?? [];
    /** @type {Stop[]} */
    const stops = [];
    for (const { lap, pit_in_ms: inMs } of laps) {
      if (inMs === null || inMs > timeMs) continue;
      const outMs = laps.find((next) => next.pit_out_ms !== null && next.pit_out_ms > inMs)?.pit_out_ms ?? null;
      stops.push({ lap, inMs, outMs: outMs !== null && outMs <= timeMs ? outMs : null });
    }
    return stops;
  }

  /**
   * @param {string} car racing number
   * @param {number} timeMs the moment
   * @returns {Stint[]} the tyres it has driven on, those of now last; none where tyres are not known
   */
  stints(car, timeMs) {
    /** @type {(Stint & { stint: number })[]} */
    const stints = [];
    for (const row of this.laps.get(car) ?? []) {
      const beganMs = row.pit_out_ms ?? row.start_ms;
      if (beganMs === null || beganMs > timeMs || row.stint === null) continue;
      const last = stints.at(-1);
      if (last?.stint === row.stint) last.laps += 1;
      else stints.push({ stint: row.stint, compound: row.compound, laps: 1 });
    }
    return stints;
  }
}
