// What cars and tyres look like in charts, and what can be pointed at.

import { teamColor } from "./dom.js";
import { seenOn } from "./plot.js";

/** @import { Laps, StatusRun } from "./charts_laps.js" */
/** @import { Step } from "./charts_standings.js" */
/** @import { Look, Stroke } from "./plot.js" */
/** @import { Driver, LapRow, Part } from "./types.d.ts" */

/**
 * All that a chart shows.
 *
 * @typedef {object} Scene
 * @property {Laps} laps of the session
 * @property {Driver[]} drivers of the session
 * @property {number} untilMs how far it may show: the present while what is ahead is hidden, else Infinity
 * @property {number} nowMs the present
 * @property {string[]} order cars as the table has them
 * @property {Set<string>} out cars that have retired by now
 * @property {string[]} chosen cars to be seen before the others
 * @property {string | null} reference car that gaps are measured from, null for the leader
 * @property {boolean} isRace whether cars race each other
 * @property {Part[]} parts of a session in which they do not
 * @property {Map<string, Step[]>} bests best laps in it, as they were set; empty where cars race
 * @property {StatusRun[]} runs of the track status
 */

/**
 * Something of a chart that can be pointed at.
 *
 * @typedef {object} Target
 * @property {number} px its place
 * @property {number} py its place
 * @property {string} row what it belongs to: arrows up and down lead to another one
 * @property {number} column its place in that: arrows left and right lead on
 * @property {number | null} timeMs where a click leads to, null if nowhere
 * @property {string} text in words
 */

/** @typedef {{ code: string, stroke: Stroke, label: string, isChosen: boolean }} Style how a car is drawn */

/** @type {Record<string, string>} */
const COMPOUNDS = {
  SOFT: "#e8392f", MEDIUM: "#d9b300", HARD: "#a7adb5", INTERMEDIATE: "#2f9e4f", WET: "#2f77d0",
  SUPERSOFT: "#e8392f", ULTRASOFT: "#a04fc9", HYPERSOFT: "#e27cae", SUPERHARD: "#e07b20",
};
/** @type {Record<string, string>} */
const LETTERS = { SUPERSOFT: "SS", ULTRASOFT: "US", HYPERSOFT: "HS", SUPERHARD: "SH" };
/** On which a dark text is read better than a white one. */
const PALE = new Set(["MEDIUM", "HARD", "HYPERSOFT", "SUPERHARD", "INTERMEDIATE"]);

/**
 * @param {string | null} compound of a tyre
 * @returns {string} its colour
 */
export const compoundColor = (compound) => COMPOUNDS[compound ?? ""] ?? "#8a9099";

/**
 * @param {string | null} compound of a tyre
 * @returns {string} the colour of a text on its colour
 */
export const compoundText = (compound) => (compound === null || PALE.has(compound) ? "#141414" : "#ffffff");

/**
 * @param {string | null} compound of a tyre
 * @returns {string} one or two letters
 */
export const compoundLetter = (compound) => (compound === null || !(compound in COMPOUNDS) ? "?" : LETTERS[compound] ?? compound[0]);

/**
 * The tyre of a lap in words.
 *
 * @param {LapRow} row a lap
 * @returns {string} "medium, 12 laps old"
 */
export function tyreText({ compound, tyre_age_laps: age }) {
  if (compound === null) return "tyre unknown";
  return `${compound.toLowerCase()}${age === null ? "" : `, ${age} lap${age === 1 ? "" : "s"} old`}`;
}

/**
 * How each car is drawn: in its team's colour, the second of a team dashed; where some are chosen, the others pale.
 *
 * @param {Driver[]} drivers of the session
 * @param {string[]} chosen cars
 * @param {Look} look the colours of the page
 * @returns {Map<string, Style>} by racing number
 */
export function stylesOf(drivers, chosen, look) {
  /** @type {Set<string>} */
  const teams = new Set();
  return new Map(drivers.map((driver) => {
    const color = teamColor(driver);
    const isSecond = teams.has(driver.team);
    teams.add(driver.team);
    const isChosen = chosen.includes(driver.number);
    const stroke = { color: seenOn(color, look), width: isChosen ? 2.6 : 1.6, dash: isSecond ? [6, 3] : [], alpha: chosen.length && !isChosen ? 0.38 : 1 };
    return [driver.number, { code: driver.code, stroke, label: seenOn(color, look, true), isChosen }];
  }));
}

/**
 * Move texts of one column apart, as little as is needed.
 *
 * @param {number[]} wanted where they would be, ascending
 * @param {number} apart the least distance
 * @param {number} last the place none may be beyond
 * @returns {number[]} where they can be
 */
export function spread(wanted, apart, last) {
  const placed = [...wanted];
  for (let i = 1; i < placed.length; i++) placed[i] = Math.max(placed[i], placed[i - 1] + apart);
  for (let i = placed.length - 1; i >= 0; i--) placed[i] = Math.min(placed[i], i === placed.length - 1 ? last : placed[i + 1] - apart);
  return placed;
}
