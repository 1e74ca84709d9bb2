// The leaderboard: one row per car, in order.

import { lapText } from "./clock.js";
import { byId, element, setClass, setText, teamColor } from "./dom.js";

const STATES = { grid: "grid", running: "", pit: "PIT", stopped: "STOPPED", out: "OUT", finished: "FINISHED" };
const TYRES = { SOFT: "S", MEDIUM: "M", HARD: "H", INTERMEDIATE: "I", WET: "W", HYPERSOFT: "HS", ULTRASOFT: "US", SUPERSOFT: "SS", SUPERHARD: "SH" };

export class Board {
  /** `onSelect` is called with a car's number. `race`: whether cars race each other. */
  constructor(manifest, { race, onSelect }) {
    this.race = race;
    this.hasPositions = Boolean(manifest.capabilities.positions);
    this.byInterval = false;
    this.body = byId("rows");
    this.body.replaceChildren();
    this.rows = new Map(manifest.drivers.map((driver) => [driver.number, makeRow(driver, race, onSelect)]));
    byId("best-head").hidden = race;
    this.toggle = byId("gap-toggle");
    this.toggle.disabled = !race;
    this.label();
  }

  /** Switch between the gap to the leader and to the car ahead. */
  toggleGap() {
    this.byInterval = !this.byInterval;
    this.label();
  }

  label() {
    setText(this.toggle, this.byInterval ? "Interval" : "Gap");
    this.toggle.setAttribute("aria-pressed", String(this.byInterval));
    this.toggle.title = this.race
      ? this.byInterval ? "To the car ahead; press for the gap to the leader" : "To the leader; press for the gap to the car ahead"
      : "To the quickest lap of all so far";
  }

  /** Show `cars` (see Moment.cars), already in order. */
  show(cars, selected) {
    const focused = document.activeElement;
    this.quickestMs = Math.min(...cars.map((car) => car.bestMs ?? Infinity));
    cars.forEach((car, index) => {
      const row = this.rows.get(car.number);
      if (this.body.children[index] !== row.line) this.body.insertBefore(row.line, this.body.children[index] ?? null);
      this.fill(row, car, cars, index, car.number === selected);
    });
    if (focused !== document.activeElement && this.body.contains(focused)) focused.focus();
  }

  fill(row, car, cars, index, selected) {
    setText(row.position, car.position === null ? "–" : String(car.position));
    setText(row.gap, this.race ? this.raceGap(car, cars[index - 1]) : bestGap(car, this.quickestMs));
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

  raceGap(car, ahead) {
    if (car.state === "out") return "";
    if (car.position === 1) return this.byInterval ? "–" : "Leader";
    const value = this.byInterval ? car.interval : car.gap;
    if (value !== null) return `+${value.toFixed(3)}`;
    const laps = this.byInterval ? (car.lapsDown ?? 0) - (ahead?.lapsDown ?? 0) : car.lapsDown;
    return laps > 0 ? `+${laps} lap${laps === 1 ? "" : "s"}` : "–";
  }
}

function bestGap(car, quickestMs) {
  if (car.bestMs === null || car.bestMs === quickestMs) return "–";
  return `+${((car.bestMs - quickestMs) / 1000).toFixed(3)}`;
}

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
