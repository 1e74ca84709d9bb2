// Long runs of a practice up to the moment shown: five and more laps one after the other on one set, none in, out or slow.

import { lapText } from "./clock.js";
import { openDialog } from "./dialog.js";
import { element, teamColor } from "./dom.js";

/** @import { Driver, LapRow } from "./types.d.ts" */

/** @typedef {{ car: string, compound: string | null, first: number, last: number, laps: number, meanMs: number, slopeMs: number }} LongRun of a car */
/** @typedef {LapRow & { lap_time_ms: number }} TimedLap a lap with a time */

const LEAST_LAPS = 5;
/** A lap that takes longer than this part of the run's median is slow. */
const SLOW = 1.07;

/**
 * Long runs so far, as the table `long_runs` has those of the whole session.
 *
 * @param {LapRow[]} rows of the laps document
 * @param {number} timeMs the moment
 * @returns {LongRun[]} runs, those with the lowest mean first
 */
export function longRunsOf(rows, timeMs) {
  const past = rows.filter(({ end_ms: endMs }) => endMs !== null && endMs <= timeMs);
  const cars = [...new Set(past.map(({ car }) => car))];
  const runs = cars.flatMap((car) => runsOf(past.filter((row) => row.car === car).sort((a, b) => a.lap - b.lap)));
  return runs.map(summary).sort((a, b) => a.meanMs - b.meanMs);
}

/**
 * @param {LapRow[]} laps of a car, in order
 * @returns {TimedLap[][]} its long runs
 */
function runsOf(laps) {
  /** @type {TimedLap[][]} */
  const runs = [[]];
  for (const lap of laps) {
    const isFlying = lap.lap_time_ms !== null && lap.pit_in_ms === null && lap.pit_out_ms === null;
    const last = runs.at(-1)?.at(-1);
    if (!isFlying || (last && (lap.lap !== last.lap + 1 || lap.stint !== last.stint))) runs.push([]);
    if (isFlying) runs.at(-1)?.push(/** @type {TimedLap} */ (lap));
  }
  return runs.flatMap((run) => {
    if (run.length < LEAST_LAPS) return [];
    const limit = SLOW * median(run.map((lap) => lap.lap_time_ms));
    const kept = run.filter((lap) => lap.lap_time_ms <= limit);
    return kept.length >= LEAST_LAPS ? [kept] : [];
  });
}

/**
 * @param {TimedLap[]} run of a car
 * @returns {LongRun} what is said of it
 */
function summary(run) {
  const slopes = run.flatMap((a, i) => run.slice(i + 1).map((b) => (b.lap_time_ms - a.lap_time_ms) / (b.lap - a.lap)));
  const meanMs = run.reduce((sum, lap) => sum + lap.lap_time_ms, 0) / run.length;
  const [first, last] = [run[0], run[run.length - 1]];
  return { car: first.car, compound: first.compound, first: first.lap, last: last.lap, laps: run.length, meanMs, slopeMs: median(slopes) };
}

/**
 * @param {number[]} values any, at least one
 * @returns {number} the one in the middle, or the mean of both
 */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Show the long runs so far.
 *
 * @param {LapRow[]} rows of the laps document
 * @param {Driver[]} drivers of the session
 * @param {number} timeMs the moment
 */
export function openLongRuns(rows, drivers, timeMs) {
  const runs = longRunsOf(rows, timeMs);
  const known = new Map(drivers.map((driver) => [driver.number, driver]));
  const said = element("p", { class: "muted" },
    "Until the moment shown: five laps and more one after the other on one set, without laps in, out or slow. Drift is by how much a lap is slower than the one before.");
  if (!runs.length) {
    openDialog("Long runs", said, element("p", {}, "There is none yet."));
    return;
  }
  const heads = ["Driver", "Tyre", "Laps", "Mean", "Drift"].map((head, index) => element("th", { scope: "col", class: index > 1 ? "num" : "" }, head));
  const lines = runs.map((run) => {
    const driver = known.get(run.car);
    const bar = element("span", { class: "team", "aria-hidden": "true" });
    if (driver) bar.style.background = teamColor(driver);
    const name = element("span", { class: "car" }, bar, driver?.code ?? run.car);
    const drift = `${run.slopeMs < 0 ? "−" : "+"}${(Math.abs(run.slopeMs) / 1000).toFixed(3)}`;
    const texts = [`${run.laps} (${run.first}–${run.last})`, lapText(Math.round(run.meanMs)), drift];
    return element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, run.compound ?? "unknown"), ...texts.map((text) => element("td", { class: "num" }, text)));
  });
  openDialog("Long runs", said, element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines)));
}
