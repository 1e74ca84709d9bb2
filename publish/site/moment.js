// The state of a session at one moment, read from a chunk; and what laps add to it in sessions without a race.

/** @import { Minute } from "./chunks.js" */
/** @import { Parts } from "./parts.js" */
/** @import { Driver, LapRow, Table } from "./types.d.ts" */

/** @typedef {{ lapMs: number, part: number }} Best a best lap, and the index of the part of the session it counts in */

/**
 * A car at one moment. Null is what is not known: no position before a time is set, no gap before the leader has passed.
 *
 * @typedef {object} Car
 * @property {string} number racing number
 * @property {Driver} driver who drives it
 * @property {number | null} position on track or by best lap
 * @property {number | null} gap to the leader, s
 * @property {number | null} interval to the car ahead, s
 * @property {number | null} lapsDown whole laps behind the leader
 * @property {number | null} lap it is on
 * @property {string | null} tyre compound
 * @property {number | null} tyreAge in laps
 * @property {string | null} state grid, running, pit, stopped, out or finished
 * @property {number | null} x in metres
 * @property {number | null} y in metres
 * @property {Best | null} best lap so far that the order goes by, of sessions without a race
 */

/** @typedef {Pick<Car, "number" | "driver" | "state" | "x" | "y">} Place of a car on the map */

/**
 * Where every car is at a tick: all that a picture of the map needs, of which there are 60 a second.
 *
 * @param {Minute} chunk that covers the moment
 * @param {number} tick of the chunk
 * @param {Driver[]} drivers of the session, in the order in which their cars are to be
 * @returns {Place[]} all cars
 */
export function placesAt(chunk, tick, drivers) {
  return drivers.map((driver) => {
    const x = chunk.number(driver.number, "x", tick);
    const y = chunk.number(driver.number, "y", tick);
    return { number: driver.number, driver, state: chunk.text(driver.number, "state", tick), x: y === null ? null : x, y: x === null ? null : y };
  });
}

/**
 * Every car at a tick, in the published order: on track in a race, else by best lap so far, where a lap in Q2 counts
 * more than any in Q1. Cars that have no position yet come last, by number: any other order could tell what is ahead.
 *
 * @param {Minute} chunk that covers the moment
 * @param {number} tick of the chunk
 * @param {Driver[]} drivers of the session
 * @param {number} timeMs the moment
 * @param {Bests | null} bests best laps; null in a race
 * @returns {Car[]} all cars
 */
export function carsAt(chunk, tick, drivers, timeMs, bests) {
  const cars = drivers.map((driver) => carAt(chunk, tick, driver, bests?.at(driver.number, timeMs) ?? null));
  const last = Number.MAX_SAFE_INTEGER;
  return cars.sort((a, b) => (a.position ?? last) - (b.position ?? last) || Number(a.number) - Number(b.number));
}

/**
 * @param {Minute} chunk that covers the moment
 * @param {number} tick of the chunk
 * @param {Driver} driver of the car
 * @param {Best | null} best its best lap so far
 * @returns {Car} the car
 */
function carAt(chunk, tick, driver, best) {
  /** @param {string} name of a channel of numbers */
  const number = (name) => chunk.number(driver.number, name, tick);
  const [x, y] = [number("x"), number("y")];
  return {
    number: driver.number,
    driver,
    position: number("position"),
    gap: number("gap"),
    interval: number("interval"),
    lapsDown: number("laps_down"),
    lap: number("lap"),
    tyre: chunk.text(driver.number, "tyre", tick),
    tyreAge: number("tyre_age"),
    state: chunk.text(driver.number, "state", tick),
    x: y === null ? null : x,
    y: x === null ? null : y,
    best,
  };
}

/** Best laps so far, from the laps document: those the published order goes by. */
export class Bests {
  /**
   * @param {Table<LapRow> | null} laps the document, null where there is none
   * @param {Parts} parts of the session
   */
  constructor(laps, parts) {
    /** @type {Map<string, (Best & { endMs: number })[]>} */
    this.byCar = new Map();
    for (const { car, endMs, lapMs } of timedLaps(laps?.rows ?? [])) {
      const steps = this.byCar.get(car) ?? [];
      const part = parts.indexOfLap(endMs - lapMs);
      const best = steps.at(-1);
      if (!best || part > best.part || (part === best.part && lapMs < best.lapMs)) steps.push({ endMs, lapMs, part });
      this.byCar.set(car, steps);
    }
  }

  /**
   * @param {string} car racing number
   * @param {number} timeMs the moment
   * @returns {Best | null} its best lap until then, of the last part it has a time in
   */
  at(car, timeMs) {
    return this.byCar.get(car)?.findLast(({ endMs }) => endMs <= timeMs) ?? null;
  }
}

/**
 * @param {LapRow[]} rows of the laps document
 * @returns {{ car: string, endMs: number, lapMs: number }[]} laps with a time that counts, as they were set
 */
function timedLaps(rows) {
  const laps = rows.flatMap(({ car, end_ms: endMs, lap_time_ms: lapMs, deleted }) =>
    lapMs === null || endMs === null || deleted ? [] : [{ car, endMs, lapMs }],
  );
  return laps.sort((a, b) => a.endMs - b.endMs);
}
