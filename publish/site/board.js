// The leaderboard: one row per car, in order.

import { lapText } from "./clock.js";
import { Columns } from "./columns.js";
import { byId, element, setClass, setText, teamColor } from "./dom.js";

/** @import { Details } from "./board_details.js" */
/** @import { Car } from "./moment.js" */
/** @import { PlacedMessage } from "./panels.js" */
/** @import { Column } from "./columns.js" */
/** @import { Parts } from "./parts.js" */
/** @import { Driver, Manifest } from "./types.d.ts" */

/** @typedef {ReturnType<typeof makeRow>} Row the cells of a car's row */

/** @type {Record<string, string>} */
const STATES = { grid: "grid", running: "", pit: "PIT", stopped: "STOPPED", out: "OUT", finished: "FINISHED" };
/**
 * Signs of tyre compounds.
 *
 * @type {Record<string, string>}
 */
export const TYRES = { SOFT: "S", MEDIUM: "M", HARD: "H", INTERMEDIATE: "I", WET: "W", HYPERSOFT: "HS", ULTRASOFT: "US", SUPERSOFT: "SS", SUPERHARD: "SH" };

/** The table of all cars. */
export class Board {
  /**
   * @param {Manifest} manifest of the session
   * @param {object} more what it needs besides
   * @param {boolean} more.race whether cars race each other
   * @param {Parts} more.parts of a session in which they do not
   * @param {(number: string) => void} more.onSelect called with the number of a car that is chosen
   * @param {() => void} more.onToggle called when the other of gap and interval is wanted
   */
  constructor(manifest, { race, parts, onSelect, onToggle }) {
    this.race = race;
    this.parts = parts;
    this.hasPositions = Boolean(manifest.capabilities.positions);
    this.byInterval = false;
    this.columns = new Columns(race);
    /** What laps, results and race control add; null until they have been read.
     * @type {Details | null} */
    this.details = null;
    this.body = byId("rows");
    this.body.replaceChildren();
    /** @type {Map<string, Row>} */
    this.rows = new Map(manifest.drivers.map((driver) => [driver.number, makeRow(driver, this.columns.all, onSelect)]));
    this.cut = element("tr", { class: "cut" }, element("td"));
    this.toggle = element("button", { type: "button", id: "gap-toggle", class: "plain", disabled: !race });
    this.toggle.addEventListener("click", onToggle);
    this.heads = this.columns.all.map((column) => makeHead(column, this.toggle));
    byId("heads").replaceChildren(...this.heads);
    this.label();
    this.showColumns();
  }

  /** Show the columns that are chosen. */
  showColumns() {
    const { all, shown } = this.columns;
    all.forEach(({ key }, index) => {
      this.heads[index].hidden = !shown.has(key);
      for (const { cells } of this.rows.values()) cells[key].hidden = !shown.has(key);
    });
    this.cut.cells[0].colSpan = shown.size;
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
   * @param {PlacedMessage[]} said what race control has said until then
   */
  show(cars, selected, timeMs, said) {
    this.details?.begin(cars, timeMs, said);
    const focused = document.activeElement;
    const quickest = quickestByPart(cars);
    const lines = cars.flatMap((car, index) => {
      const row = this.rows.get(car.number);
      if (!row) return [];
      setText(row.cells.gap, this.race ? this.raceGap(car, cars[index - 1], this.byInterval) : bestGap(car, quickest));
      if (row.cells.interval) setText(row.cells.interval, this.raceGap(car, cars[index - 1], true));
      this.fill(row, car, car.number === selected, timeMs);
      return [row.line];
    });
    this.place(this.withCut(lines, cars, timeMs));
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.body.contains(focused)) focused.focus();
  }

  /**
   * @param {HTMLElement[]} lines of the cars, in order
   * @param {Car[]} cars in order
   * @param {number} timeMs the moment
   * @returns {HTMLElement[]} the same, with the line below which cars go out
   */
  withCut(lines, cars, timeMs) {
    const cut = this.parts.cutAt(timeMs);
    if (!cut || cut.after >= lines.length) {
      this.cut.remove();
      return lines;
    }
    const last = cars[cut.after - 1]?.best;
    const isOfPart = last?.part === this.parts.indexAt(timeMs);
    setText(this.cut.cells[0], `Below this line: out after ${cut.name}${isOfPart ? ` · ${lapText(last.lapMs)} to beat` : ""}`);
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
   * @param {number} timeMs the moment
   */
  fill(row, car, selected, timeMs) {
    const outIn = this.parts.outIn(car.position, timeMs);
    setText(row.cells.place, car.position === null ? "–" : String(car.position));
    if (!this.race) setText(row.cells.best, car.best === null ? "–" : lapText(car.best.lapMs));
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
    this.details?.fill(row, car, timeMs);
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
    const place = text(row.cells.place) === "–" ? "no position yet" : `P${text(row.cells.place)}`;
    const time = this.race ? "" : text(row.cells.best);
    return [place, time, text(row.cells.gap), `${text(row.tyre)} ${text(row.age)}`.trim(), text(row.state)].filter((part) => part && part !== "–").join(" · ");
  }

  /**
   * @param {Car} car at the moment
   * @param {Car | undefined} ahead the one before it
   * @param {boolean} byInterval whether to the car ahead, else to the leader
   * @returns {string} its gap or interval
   */
  raceGap(car, ahead, byInterval) {
    if (car.state === "out") return "";
    if (car.position === 1) return byInterval ? "–" : "Leader";
    const value = byInterval ? car.interval : car.gap;
    if (value !== null) return `+${value.toFixed(3)}`;
    const laps = (car.lapsDown ?? 0) - (byInterval ? (ahead?.lapsDown ?? 0) : 0);
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
 * @param {Column} column of the table
 * @param {HTMLButtonElement} toggle of gap and interval
 * @returns {HTMLTableCellElement} its head
 */
function makeHead({ key, head, name, isNumber }, toggle) {
  return element("th", { scope: "col", class: isNumber ? "num" : "", title: name, data: { column: key } },
    key === "gap" ? toggle : head === name ? head : element("abbr", { title: name }, head));
}

/**
 * @param {Driver} driver of the car
 * @param {Column[]} columns of the table
 * @param {(number: string) => void} onSelect called when it is chosen
 */
function makeRow(driver, columns, onSelect) {
  const name = `${driver.first_name} ${driver.last_name}`.trim();
  const bar = element("span", { class: "team", "aria-hidden": "true" });
  bar.style.background = teamColor(driver);
  const button = element(
    "button",
    { type: "button", class: "plain car", title: `${name}, ${driver.team}, car ${driver.number}`, "aria-label": `${driver.code}, ${name}` },
    bar, driver.code,
  );
  button.addEventListener("click", () => onSelect(driver.number));
  /** @type {Record<string, HTMLTableCellElement>} */
  const cells = Object.fromEntries(columns.map(({ key, isNumber }) => [
    key, element(key === "name" ? "th" : "td", { class: isNumber ? `num ${key}` : key, ...(key === "name" ? { scope: "row" } : {}) }),
  ]));
  const [tyre, age, state] = [element("span"), element("span", { class: "age muted" }), element("span")];
  const [lost, notes] = [element("span", { class: "lost muted" }), element("span", { class: "notes" })];
  cells.name.append(button);
  cells.tyres.append(tyre, age);
  cells.states.append(state, " ", lost, notes);
  const line = element("tr", { data: { car: driver.number } }, ...Object.values(cells));
  return { line, button, cells, tyre, age, state, lost, notes };
}
