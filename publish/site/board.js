// The leaderboard: one row per car, in order.

import { lapText } from "./clock.js";
import { byId, element, setClass, setText, teamColor } from "./dom.js";

/** @import { Car } from "./moment.js" */
/** @import { Parts } from "./parts.js" */
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
   * @param {Parts} more.parts of a session in which they do not
   * @param {(number: string) => void} more.onSelect called with the number of a car that is chosen
   */
  constructor(manifest, { race, parts, onSelect }) {
    this.race = race;
    this.parts = parts;
    this.hasPositions = Boolean(manifest.capabilities.positions);
    this.byInterval = false;
    this.body = byId("rows");
    this.body.replaceChildren();
    /** @type {Map<string, Row>} */
    this.rows = new Map(manifest.drivers.map((driver) => [driver.number, makeRow(driver, race, onSelect)]));
    this.cut = element("tr", { class: "cut" }, element("td", { colspan: "6" }));
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
      : "To the quickest lap so far of the same part of the session";
  }

  /**
   * @param {Car[]} cars in order
   * @param {string | null} selected number of the selected car
   * @param {number} timeMs the moment
   */
  show(cars, selected, timeMs) {
    const focused = document.activeElement;
    const quickest = quickestByPart(cars);
    const lines = cars.flatMap((car, index) => {
      const row = this.rows.get(car.number);
      if (!row) return [];
      setText(row.gap, this.race ? this.raceGap(car, cars[index - 1]) : bestGap(car, quickest));
      this.fill(row, car, car.number === selected, this.parts.outIn(car.position, timeMs));
      return [row.line];
    });
    this.place(this.withCut(lines, timeMs));
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.body.contains(focused)) focused.focus();
  }

  /**
   * @param {HTMLElement[]} lines of the cars, in order
   * @param {number} timeMs the moment
   * @returns {HTMLElement[]} the same, with the line below which cars go out
   */
  withCut(lines, timeMs) {
    const cut = this.parts.cutAt(timeMs);
    if (!cut || cut.after >= lines.length) {
      this.cut.remove();
      return lines;
    }
    setText(this.cut.cells[0], `Below this line: out after ${cut.name}`);
    return [...lines.slice(0, cut.after), this.cut, ...lines.slice(cut.after)];
  }

  /** @param {HTMLElement[]} lines as they are to stand */
  place(lines) {
    lines.forEach((line, index) => {
      if (this.body.children[index] !== line) this.body.insertBefore(line, this.body.children[index] ?? null);
    });
  }

  /**
   * @param {Row} row of the car
   * @param {Car} car at the moment
   * @param {boolean} selected whether it is the selected one
   * @param {string | null} outIn the part of qualifying after which it had to stop
   */
  fill(row, car, selected, outIn) {
    setText(row.position, car.position === null ? "–" : String(car.position));
    setText(row.best, car.best === null ? "–" : lapText(car.best.lapMs));
    const tyre = (car.tyre ?? "").toUpperCase();
    setText(row.tyre, car.tyre === null ? "–" : (TYRES[tyre] ?? "?"));
    setClass(row.tyre, `tyre ${tyre in TYRES ? tyre.toLowerCase() : "unknown"}`);
    row.tyre.title = car.tyre ?? "Tyre unknown";
    setText(row.age, car.tyreAge === null ? "" : String(car.tyreAge));
    const state = car.state === null ? "unknown" : STATES[car.state] ?? car.state;
    setText(row.state, outIn === null ? state : `OUT ${outIn}`);
    setClass(row.state, outIn === null && !state ? "" : `badge ${outIn === null ? (car.state ?? "unknown") : "knocked"}`);
    row.state.title = outIn === null ? "" : `Knocked out in ${outIn}`;
    const lost = this.hasPositions && car.x === null;
    const isOver = car.state === "finished" || car.state === "out" || outIn !== null;
    setText(row.lost, lost && !isOver ? "no position" : "");
    setClass(row.line, `${selected ? "selected" : ""} ${car.state === "out" || outIn !== null ? "gone" : ""}`.trim());
    row.button.setAttribute("aria-pressed", String(selected));
    Object.assign(row.line.dataset, { position: car.position ?? "", state: car.state ?? "", placed: String(!lost) });
  }

  /**
   * @param {string} number of a car
   * @returns {string} what the table says of it: "P3 · +4.102 · M 12"
   */
  summary(number) {
    const row = this.rows.get(number);
    if (!row) return "";
    /** @param {HTMLElement} cell of the row */
    const text = (cell) => cell.textContent ?? "";
    const place = row.position.textContent === "–" ? "no position yet" : `P${text(row.position)}`;
    const time = this.race ? "" : text(row.best);
    return [place, time, text(row.gap), `${text(row.tyre)} ${text(row.age)}`.trim(), text(row.state)].filter((part) => part && part !== "–").join(" · ");
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
 * @param {Car[]} cars at the moment
 * @returns {Map<number, number>} the quickest best lap of each part of the session
 */
function quickestByPart(cars) {
  /** @type {Map<number, number>} */
  const quickest = new Map();
  for (const { best } of cars) {
    if (best) quickest.set(best.part, Math.min(best.lapMs, quickest.get(best.part) ?? Infinity));
  }
  return quickest;
}

/**
 * @param {Car} car at the moment
 * @param {Map<number, number>} quickest best lap of each part
 * @returns {string} how far its own best lap is from the quickest of the same part
 */
function bestGap({ best }, quickest) {
  const behindMs = best === null ? 0 : best.lapMs - (quickest.get(best.part) ?? best.lapMs);
  return behindMs > 0 ? `+${(behindMs / 1000).toFixed(3)}` : "–";
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
