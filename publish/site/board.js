// The leaderboard: one row per car, in order.

import { lapText } from "./clock.js";
import { byId, element, setClass, setText, teamColor } from "./dom.js";

/** @import { Car } from "./moment.js" */
/** @import { Driver, Manifest } from "./types.d.ts" */

/** @typedef {ReturnType<typeof makeRow>} Row the cells of a car's row */

/** @type {Record<string, string>} */
const STATES = { grid: "grid", running: "", pit: "PIT", stopped: "STOPPED", out: "OUT", finished: "FINISHED" };
/** @type {Record<string, string>} */
const TYRES = { SOFT: "S", MEDIUM: "M", HARD: "H", INTERMEDIATE: "I", WET: "W", HYPERSOFT: "HS", ULTRASOFT: "US", SUPERSOFT: "SS", SUPERHARD: "SH" };

/** The table of all cars. */
export class Board {
  /**
   * @param {Manifest} manifest of the session
   * @param {object} more what it needs besides
   * @param {boolean} more.race whether cars race each other
   * @param {(number: string) => void} more.onSelect called with the number of a car that is chosen
   */
  constructor(manifest, { race, onSelect }) {
    this.race = race;
    this.hasPositions = Boolean(manifest.capabilities.positions);
    this.byInterval = false;
    this.body = byId("rows");
    this.body.replaceChildren();
    /** @type {Map<string, Row>} */
    this.rows = new Map(manifest.drivers.map((driver) => [driver.number, makeRow(driver, race, onSelect)]));
    byId("best-head").hidden = race;
    this.toggle = byId("gap-toggle", HTMLButtonElement);
    this.toggle.disabled = !race;
    this.label();
  }

  /** Switch between the gap to the leader and to the car ahead. */
  toggleGap() {
    this.byInterval = !this.byInterval;
    this.label();
  }

  /** Say which of both is shown. */
  label() {
    setText(this.toggle, this.byInterval ? "Interval" : "Gap");
    this.toggle.setAttribute("aria-pressed", String(this.byInterval));
    this.toggle.title = this.race
      ? this.byInterval ? "To the car ahead; press for the gap to the leader" : "To the leader; press for the gap to the car ahead"
      : "To the quickest lap of all so far";
  }

  /**
   * @param {Car[]} cars in order
   * @param {string | null} selected number of the selected car
   */
  show(cars, selected) {
    const focused = document.activeElement;
    const quickestMs = Math.min(...cars.map((car) => car.bestMs ?? Infinity));
    cars.forEach((car, index) => {
      const row = this.rows.get(car.number);
      if (!row) return;
      if (this.body.children[index] !== row.line) this.body.insertBefore(row.line, this.body.children[index] ?? null);
      setText(row.gap, this.race ? this.raceGap(car, cars[index - 1]) : bestGap(car, quickestMs));
      this.fill(row, car, car.number === selected);
    });
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.body.contains(focused)) focused.focus();
  }

  /**
   * @param {Row} row of the car
   * @param {Car} car at the moment
   * @param {boolean} selected whether it is the selected one
   */
  fill(row, car, selected) {
    setText(row.position, car.position === null ? "–" : String(car.position));
    setText(row.best, car.bestMs === null ? "–" : lapText(car.bestMs));
    const tyre = (car.tyre ?? "").toUpperCase();
    setText(row.tyre, car.tyre === null ? "–" : (TYRES[tyre] ?? "?"));
    setClass(row.tyre, `tyre ${tyre in TYRES ? tyre.toLowerCase() : "unknown"}`);
    row.tyre.title = car.tyre ?? "Tyre unknown";
    setText(row.age, car.tyreAge === null ? "" : String(car.tyreAge));
    const state = car.state === null ? "unknown" : STATES[car.state] ?? car.state;
    setText(row.state, state);
    setClass(row.state, state ? `badge ${car.state ?? "unknown"}` : "");
    const lost = this.hasPositions && car.x === null;
    setText(row.lost, lost ? "no position" : "");
    setClass(row.line, `${selected ? "selected" : ""} ${car.state === "out" ? "gone" : ""}`.trim());
    row.button.setAttribute("aria-pressed", String(selected));
    Object.assign(row.line.dataset, { position: car.position ?? "", state: car.state ?? "", placed: String(!lost) });
  }

  /**
   * @param {Car} car at the moment
   * @param {Car | undefined} ahead the one before it
   * @returns {string} its gap or interval
   */
  raceGap(car, ahead) {
    if (car.state === "out") return "";
    if (car.position === 1) return this.byInterval ? "–" : "Leader";
    const value = this.byInterval ? car.interval : car.gap;
    if (value !== null) return `+${value.toFixed(3)}`;
    const laps = (car.lapsDown ?? 0) - (this.byInterval ? (ahead?.lapsDown ?? 0) : 0);
    return laps > 0 ? `+${laps} lap${laps === 1 ? "" : "s"}` : "–";
  }
}

/**
 * @param {Car} car at the moment
 * @param {number} quickestMs best lap of all so far
 * @returns {string} how far its own best lap is from that
 */
function bestGap(car, quickestMs) {
  if (car.bestMs === null || car.bestMs === quickestMs) return "–";
  return `+${((car.bestMs - quickestMs) / 1000).toFixed(3)}`;
}

/**
 * @param {Driver} driver of the car
 * @param {boolean} race whether cars race each other
 * @param {(number: string) => void} onSelect called when it is chosen
 */
function makeRow(driver, race, onSelect) {
  const name = `${driver.first_name} ${driver.last_name}`.trim();
  const bar = element("span", { class: "team", "aria-hidden": "true" });
  bar.style.background = teamColor(driver);
  const button = element(
    "button",
    { type: "button", class: "plain car", title: `${name}, ${driver.team}, car ${driver.number}`, "aria-label": `${driver.code}, ${name}` },
    bar, driver.code,
  );
  button.addEventListener("click", () => onSelect(driver.number));
  /** @param {string} kind class of the cell */
  const cell = (kind) => element("td", { class: kind });
  const [position, best, gap] = [cell("num"), cell("num"), cell("num gap")];
  best.hidden = race;
  const [tyre, age, state] = [element("span"), element("span", { class: "age muted" }), element("span")];
  const lost = element("span", { class: "lost muted" });
  const line = element(
    "tr", { data: { car: driver.number } },
    position, element("th", { scope: "row" }, button), best, gap,
    element("td", { class: "tyres" }, tyre, age), element("td", { class: "states" }, state, " ", lost),
  );
  return { line, button, position, best, gap, tyre, age, state, lost };
}
