// The official classification, with the penalties in it.

import { hoursText, lapText } from "./clock.js";
import { openDialog } from "./dialog.js";
import { element, teamColor } from "./dom.js";

/** @import { Driver, ResultRow } from "./types.d.ts" */

/** @typedef {[string, string, (row: ResultRow) => string]} Cell head, class, and what stands in it */

/** What is less than this between both gaps is no penalty, but how exactly they were measured. */
const PENALTY_MS = 900;

/**
 * Open the classification. Where it would tell what is ahead, it is asked before.
 *
 * @param {ResultRow[]} results official ones
 * @param {Driver[]} drivers of the session
 * @param {object} how it is told
 * @param {boolean} how.isRace whether cars raced each other
 * @param {boolean} how.isOver whether the moment shown is after the end
 */
export function openClassification(results, drivers, { isRace, isOver }) {
  if (!results.length) {
    openDialog("Classification", element("p", {}, "There are no official results of this session."));
    return;
  }
  const table = () => classification(results, drivers, isRace);
  if (isOver) {
    openDialog("Classification", table());
    return;
  }
  const ask = element("button", { type: "button" }, "Show the official result");
  const dialog = openDialog("Classification", element("p", {}, "The session is not over at the moment shown: this tells how it ends."), ask);
  ask.addEventListener("click", () => {
    ask.parentElement?.replaceChildren(table());
    dialog.dataset.told = "1";
  });
}

/**
 * @param {ResultRow[]} results official ones
 * @param {Driver[]} drivers of the session
 * @param {boolean} isRace whether cars raced each other
 * @returns {HTMLElement} the table
 */
function classification(results, drivers, isRace) {
  const known = new Map(drivers.map((driver) => [driver.number, driver]));
  const cells = isRace ? raceCells(results) : timedCells(results);
  const used = cells.filter(([, , text]) => results.some((row) => text(row)));
  const rows = [...results].sort((a, b) => (a.position ?? 99) - (b.position ?? 99)).map((row) => {
    const driver = known.get(row.car);
    const bar = element("span", { class: "team", "aria-hidden": "true" });
    if (driver) bar.style.background = teamColor(driver);
    const name = element("span", { class: "car" }, bar, driver ? `${driver.first_name} ${driver.last_name}` : row.car);
    const [place, ...rest] = used.map(([, kind, text]) => element("td", { class: kind }, text(row)));
    return element("tr", {}, place, element("th", { scope: "row" }, name), ...rest);
  });
  const [place, ...rest] = used.map(([head, kind]) => element("th", { scope: "col", class: kind }, head));
  return element("table", { class: "classified" },
    element("thead", {}, element("tr", {}, place, element("th", { scope: "col" }, "Driver"), ...rest)), element("tbody", {}, ...rows));
}

/**
 * @param {ResultRow[]} results official ones
 * @returns {Cell[]} the columns of a race
 */
function raceCells(results) {
  const added = penaltiesOf(results);
  return [
    placeCell,
    ["Grid", "num", (row) => (row.grid === null ? "" : row.grid === 0 ? "pit lane" : String(row.grid))],
    ["Laps", "num", (row) => numberText(row.laps)],
    ["Time", "num", raceTime],
    ["Penalties", "num", ({ car }) => added.get(car) ?? ""],
    ["Points", "num", (row) => (row.points ? numberText(row.points) : "")],
    ["Status", "", (row) => (row.status === "Finished" || isLapped(row) ? "" : row.status ?? "")],
  ];
}

/**
 * @param {ResultRow[]} results official ones
 * @returns {Cell[]} the columns of a session in which cars drive for a time
 */
function timedCells(results) {
  const isQualifying = results.some((row) => row.q1_ms !== null);
  if (!isQualifying) return [placeCell];
  /** @type {(head: string, key: "q1_ms" | "q2_ms" | "q3_ms") => Cell} */
  const part = (head, key) => [head, "num", (row) => (row[key] === null ? "" : lapText(row[key]))];
  return [placeCell, part("Q1", "q1_ms"), part("Q2", "q2_ms"), part("Q3", "q3_ms")];
}

/** @type {Cell} */
const placeCell = ["P", "num", (row) => {
  const isPlaced = row.classified === null || /^\d+$/.test(row.classified);
  return isPlaced ? numberText(row.position) : row.classified ?? "";
}];

/**
 * @param {number | null} value of a result
 * @returns {string} as written
 */
const numberText = (value) => (value === null ? "" : String(value));

/**
 * @param {ResultRow} row of a car
 * @returns {string} the winner's time, or the gap to it
 */
function raceTime(row) {
  if (row.gap_ms !== null && row.gap_ms > 0) return `+${lapText(row.gap_ms)}`;
  if (isLapped(row)) return row.status ?? "";
  if (row.race_time_ms !== null) return `${hoursText(row.race_time_ms)}.${String(row.race_time_ms % 1000).padStart(3, "0")}`;
  return "";
}

/**
 * @param {ResultRow} row of a car
 * @returns {boolean} whether its gap is told in laps
 */
const isLapped = (row) => row.gap_ms === null && /^(?:\+\d|Lapped)/.test(row.status ?? "");

/**
 * What the stewards added to the time of each car: the official gap against that across the line. Both are to the
 * winner, so that a penalty of the winner shortens everybody's.
 *
 * @param {ResultRow[]} results official ones
 * @returns {Map<string, string>} in words, by racing number
 */
export function penaltiesOf(results) {
  const added = results.flatMap(({ car, gap_ms: gap, gap_crossing_ms: crossing }) => (gap === null || crossing === null ? [] : [{ car, ms: gap - crossing }]));
  const least = Math.min(0, ...added.map(({ ms }) => ms));
  const base = least < -PENALTY_MS ? least : 0;
  return new Map(added.flatMap(({ car, ms }) => (ms - base > PENALTY_MS ? [[car, `+${Math.round((ms - base) / 1000)} s`]] : [])));
}
