// What laps, results and race control add to the leaderboard, once they have been read; of no later moment than is shown.

import { TYRES } from "./board.js";
import { lapText } from "./clock.js";
import { element, setClass, setText } from "./dom.js";
import { Stewards } from "./stewards.js";

/** @import { Row } from "./board.js" */
/** @import { Judged, LapTimes } from "./lap_times.js" */
/** @import { MiniSectors } from "./mini_sectors.js" */
/** @import { Car } from "./moment.js" */
/** @import { PlacedMessage } from "./panels.js" */
/** @import { Parts } from "./parts.js" */
/** @import { ResultRow } from "./types.d.ts" */

const WORTHS = { overall: "best of all so far", own: "its own best so far", other: "" };

/** The cells of the board that no frame has. */
export class Details {
  /**
   * @param {LapTimes} laps of the session
   * @param {object} more what else it needs
   * @param {Parts} more.parts of the session
   * @param {boolean} more.isRace whether cars race each other
   * @param {number} more.startMs start of the session
   * @param {ResultRow[]} more.results official results, of which it takes the grid
   * @param {(timeMs: number) => boolean} more.isRed whether the session was stopped at a moment
   */
  constructor(laps, { parts, isRace, startMs, results, isRed }) {
    this.laps = laps;
    this.parts = parts;
    this.isRace = isRace;
    this.startMs = startMs;
    this.isRed = isRed;
    this.grid = gridOf(results);
    this.stewards = new Stewards([]);
    this.saidCount = 0;
    /** Null until they have been read, or without any. @type {MiniSectors | null} */
    this.minis = null;
    /** @type {string | null} */
    this.fastest = null;
  }

  /**
   * @param {Car[]} cars at the moment
   * @param {number} timeMs the moment, of which the cells are going to tell
   * @param {PlacedMessage[]} said what race control has said until then
   */
  begin(cars, timeMs, said) {
    if (said.length !== this.saidCount) {
      this.saidCount = said.length;
      this.stewards = new Stewards(said);
    }
    const best = this.isRace ? this.laps.best(null, timeMs) : null;
    this.fastest = best && cars.some(({ number }) => number === best.car) ? best.car : null;
  }

  /**
   * @param {Row} row of the car
   * @param {Car} car at the moment
   * @param {number} timeMs the moment
   */
  fill({ cells, notes }, car, timeMs) {
    const { laps } = this;
    const part = car.best?.part ?? Math.max(this.parts.indexAt(timeMs), 0);
    setJudged(cells.last, laps.last(car.number, timeMs));
    const sectors = [1, 2, 3].map((number) => cells[`sector${number}`]);
    laps.sectorsOf(car.number, timeMs).forEach((sector, index) => setJudged(sectors[index], sector));
    this.minis?.show(sectors, car.number, timeMs);
    setText(cells.limits, String(this.stewards.limits.get(car.number) ?? ""));
    setTyres(cells.history, laps.stints(car.number, timeMs).slice(0, -1));
    if (this.isRace) this.fillRace(cells, car, timeMs);
    else {
      setText(cells.ideal, textOf(laps.ideal(car.number, timeMs, part)));
      setText(cells.laps, String(laps.driven(car.number, timeMs)));
      setClass(cells.best, `num best ${car.best && laps.best(null, timeMs, part)?.car === car.number ? "overall" : ""}`.trim());
    }
    this.setNotes(notes, car.number);
  }

  /**
   * @param {Record<string, HTMLTableCellElement>} cells of the car
   * @param {Car} car at the moment
   * @param {number} timeMs the moment
   */
  fillRace(cells, car, timeMs) {
    const best = this.laps.best(car.number, timeMs);
    setJudged(cells.best, best && { ms: best.ms, worth: this.fastest === car.number ? "overall" : "other" });
    const grid = this.grid.get(car.number);
    const gained = grid === undefined || car.position === null || timeMs < this.startMs || car.state === "out" ? null : grid - car.position;
    setText(cells.gained, gained === null ? "" : gained === 0 ? "–" : `${gained > 0 ? "▲" : "▼"}${Math.abs(gained)}`);
    setClass(cells.gained, `num gained ${gained ? (gained > 0 ? "won" : "lost") : ""}`.trim());
    cells.gained.title = grid === undefined ? "" : `From place ${grid} on the grid`;
    const stops = this.laps.stops(car.number, timeMs).filter(({ inMs }) => !this.isRed(inMs));
    setText(cells.stops, String(stops.length));
    cells.stops.title = stops.map(({ lap, inMs, outMs }) =>
      `Lap ${lap}: ${outMs === null ? "in the pit lane" : `${((outMs - inMs) / 1000).toFixed(1)} s in the pit lane`}`).join("\n");
  }

  /**
   * @param {HTMLElement} target where they are shown
   * @param {string} car racing number
   */
  setNotes(target, car) {
    const fastest = this.fastest === car ? [{ text: "FL", kind: "fastest", why: "Fastest lap so far" }] : [];
    const notes = [...fastest, ...this.stewards.notesOf(car)];
    const id = notes.map(({ text, kind, why }) => `${text} ${kind} ${why}`).join("\n");
    if (target.dataset.shown === id) return;
    target.dataset.shown = id;
    target.replaceChildren(...notes.flatMap(({ text, kind, why }) => [element("span", { class: `badge ${kind}`, title: why }, text), " "]));
  }
}

/**
 * Places on the grid. Whoever starts from the pit lane stands behind the last one on it.
 *
 * @param {ResultRow[]} results official ones
 * @returns {Map<string, number>} by racing number; none of whom it is not known
 */
export function gridOf(results) {
  const last = Math.max(...results.map(({ grid }) => grid ?? 0), 0);
  return new Map(results.flatMap(({ car, grid }) => (grid === null ? [] : [[car, grid || last + 1]])));
}

/**
 * @param {{ ms: number } | null} timed a time
 * @returns {string} as written
 */
function textOf(timed) {
  return timed === null ? "–" : lapText(timed.ms);
}

/**
 * @param {HTMLTableCellElement | undefined} cell of a time
 * @param {Judged | null} judged the time
 */
function setJudged(cell, judged) {
  if (!cell) return;
  setText(cell, textOf(judged));
  const base = cell.classList.contains("num") ? cell.className.split(" ").slice(0, 2).join(" ") : cell.className;
  setClass(cell, judged && judged.worth !== "other" ? `${base} ${judged.worth}` : base);
  cell.title = judged ? WORTHS[judged.worth] : "";
}

/**
 * @param {HTMLTableCellElement} cell of the tyres driven before
 * @param {{ compound: string | null, laps: number }[]} stints that are over
 */
function setTyres(cell, stints) {
  const id = JSON.stringify(stints);
  if (cell.dataset.shown === id) return;
  cell.dataset.shown = id;
  cell.replaceChildren(...stints.flatMap(({ compound, laps }) => {
    const name = (compound ?? "").toUpperCase();
    const sign = element("span", { class: `tyre ${name in TYRES ? name.toLowerCase() : "unknown"}`, title: `${compound ?? "Unknown"}, ${laps} laps` }, TYRES[name] ?? "?");
    return [sign, element("span", { class: "age muted" }, String(laps))];
  }));
}
