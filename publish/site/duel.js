// Two cars beside each other: places, gaps, speed, tyres, their last laps.

import { compoundLetter } from "./charts_style.js";
import { lapText } from "./clock.js";
import { element, setText, teamColor } from "./dom.js";

/** @import { Charts } from "./charts.js" */
/** @import { Car } from "./moment.js" */
/** @import { LapRow } from "./types.d.ts" */

/** @typedef {[string, string, string]} Line what both cars are compared in, and what each of them has */

const LAPS_SHOWN = 8;

/** The comparison of two cars. */
export class Duel {
  /** @param {Charts} charts of the session */
  constructor(charts) {
    this.charts = charts;
    this.session = charts.player.session;
    this.selects = [this.select("First car", 0), this.select("Second car", 1)];
    this.swap = button("Swap", "Change the sides", () => this.pair([this.cars[1], this.cars[0]]));
    this.trace = button("Traces", "The last lap of both against distance", () => this.openTraces());
    this.times = button("Lap times", "The lap times of both", () => charts.onOpen("times"));
    this.gaps = button("Gap chart", "The gap to the first car, lap by lap", () => {
      charts.measureFrom(this.cars[0]);
      charts.onOpen("gaps");
    });
    const { isRace, manifest } = this.session;
    this.controls = [...this.selects, this.swap, ...(isRace ? [this.gaps] : []), this.times, ...(manifest.capabilities.telemetry ? [this.trace] : [])];
    this.told = element("p", { class: "told" });
    this.now = element("tbody");
    this.laps = element("tbody");
    this.names = [0, 1].map(() => [element("th", { scope: "col", class: "num" }), element("th", { scope: "col", class: "num" })]);
    const head = (/** @type {string} */ what, /** @type {number} */ which, /** @type {HTMLElement[]} */ ...more) =>
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, what), ...this.names[which], ...more));
    const between = ["Difference", ...(isRace ? ["Gap"] : [])].map((text) => element("th", { scope: "col", class: "num", title: "Of the second car to the first; + is behind" }, text));
    this.aside = element("div", { class: "duel" }, this.told,
      element("table", { class: "duel-now", "aria-label": "Both cars now" }, head("Now", 0), this.now),
      element("table", { class: "duel-laps", "aria-label": "Their laps" }, head(isRace ? "Lap" : "Best lap", 1, ...between), this.laps));
  }

  /** @returns {[string, string]} numbers of both cars */
  get cars() {
    const [one, two] = this.charts.chosen;
    return [one, two];
  }

  /**
   * @param {string} label of it
   * @param {0 | 1} side which of both
   * @returns {HTMLSelectElement} where a car is chosen
   */
  select(label, side) {
    const options = this.session.manifest.drivers.map(({ number, code, last_name: name }) => element("option", { value: number }, `${code} ${name}`));
    const made = element("select", { "aria-label": label }, ...options);
    made.addEventListener("change", () => {
      const [one, two] = this.cars;
      // Who takes the other's place gives it its own.
      if (side === 0) this.pair([made.value, made.value === two ? one : two]);
      else this.pair([made.value === one ? two : one, made.value]);
    });
    return made;
  }

  /** @param {[string, string]} cars to be compared from now on */
  pair(cars) {
    this.charts.choose([...cars, ...this.charts.chosen.slice(2).filter((number) => !cars.includes(number))]);
    this.refresh();
  }

  /** All of it is there. */
  async open() {}

  /** Nothing of this is pointed at. */
  point() {}

  /** Nothing of this is waited for. */
  dispose() {}

  /** Show the present moment. */
  refresh() {
    const [one, two] = this.cars.map((number) => this.charts.cars.find((car) => car.number === number));
    if (!one || !two) return;
    this.selects.forEach((select, i) => {
      if (select.value !== this.cars[i]) select.value = this.cars[i];
    });
    for (const names of this.names) [one, two].forEach(({ driver }, i) => {
      setText(names[i], driver.code);
      names[i].style.borderBottom = `3px solid ${teamColor(driver)}`;
    });
    setText(this.told, this.session.isRace ? raceText(one, two) : this.bestText(one, two));
    this.now.replaceChildren(...this.linesNow(one, two).map((line) => row(line)));
    this.laps.replaceChildren(...(this.session.isRace ? this.lastLaps() : this.sectors()).map((line) => row(line)));
  }

  /**
   * @param {Car} one of both
   * @param {Car} two the other
   * @returns {Line[]} how they stand
   */
  linesNow(one, two) {
    const both = [one, two];
    const { nowMs, player } = this.charts;
    const chunk = player.store.at(nowMs);
    const channel = (/** @type {string} */ name, /** @type {string} */ unit) => both.map(({ number }) => {
      const value = chunk?.number(number, name, chunk.tickAt(nowMs)) ?? null;
      return value === null ? "–" : `${Math.round(value)}${unit}`;
    });
    const ended = both.map(({ number }) => this.charts.laps?.ended(number, nowMs) ?? []);
    const line = (/** @type {string} */ what, /** @type {string[]} */ [a, b]) => /** @type {Line} */ ([what, a, b]);
    const { isRace, manifest } = this.session;
    return [
      line("Place", both.map(({ position }) => (position === null ? "–" : String(position)))),
      ...(isRace ? [
        line("Gap to the leader", both.map((car) => (car.position === 1 ? "leads" : behindText(car.gap, car.lapsDown)))),
        line("To the car ahead", both.map((car) => (car.position === 1 ? "–" : behindText(car.interval, 0)))),
      ] : []),
      ...(manifest.capabilities.telemetry ? [line("Speed", channel("speed", " km/h")), line("Gear", channel("gear", "")), line("Throttle", channel("throttle", " %"))] : []),
      line("Tyre", both.map(({ tyre, tyreAge }) => (tyre === null ? "–" : `${compoundLetter(tyre)}${tyreAge === null ? "" : `, ${tyreAge} lap${tyreAge === 1 ? "" : "s"}`}`))),
      ...(isRace ? [line("Pit stops", ended.map((rows) => String(rows.filter(({ pit_in_ms: pit }) => pit !== null).length)))] : []),
      line("Last lap", ended.map((rows) => timeText(rows.at(-1)))),
      line("Best lap", both.map(({ number }) => timeText(this.charts.laps?.best(number, nowMs)))),
    ];
  }

  /** @returns {[string, ...string[]][]} the last laps both have ended, the newest first, with the gap after each */
  lastLaps() {
    const { laps, nowMs } = this.charts;
    if (!laps) return [];
    const [one, two] = this.cars;
    const times = new Map(laps.ended(one, nowMs).map((lap) => [lap.lap, lap]));
    const gaps = laps.gaps(two, one, nowMs).slice(-LAPS_SHOWN).reverse();
    return gaps.map(({ row: lap, gapMs }) => [String(lap.lap), timeText(times.get(lap.lap)), timeText(lap), apartText(times.get(lap.lap)?.lap_time_ms, lap.lap_time_ms), signed(gapMs)]);
  }

  /**
   * @param {Car} one of both
   * @param {Car} two the other
   * @returns {string} whose best lap so far is the quicker one, and by how much
   */
  bestText(one, two) {
    const timed = [one, two].flatMap(({ number, driver }) => {
      const ms = this.charts.laps?.best(number, this.charts.nowMs)?.lap_time_ms;
      return ms ? [{ code: driver.code, ms }] : [];
    });
    if (timed.length < 2) return "";
    const [quick, slow] = timed.sort((a, b) => a.ms - b.ms);
    return `${quick.code} is ${((slow.ms - quick.ms) / 1000).toFixed(3)} s quicker than ${slow.code}`;
  }

  /** @returns {[string, ...string[]][]} the best lap of each, sector by sector */
  sectors() {
    const { laps, nowMs } = this.charts;
    const [one, two] = this.cars.map((number) => laps?.best(number, nowMs) ?? null);
    if (!one && !two) return [];
    const line = (/** @type {string} */ what, /** @type {"sector1_ms" | "sector2_ms" | "sector3_ms" | "lap_time_ms"} */ key) =>
      /** @type {[string, ...string[]]} */ ([what, ...[one, two].map((lap) => (lap?.[key] ? lapText(Number(lap[key])) : "–")), apartText(one?.[key], two?.[key])]);
    return [line("Sector 1", "sector1_ms"), line("Sector 2", "sector2_ms"), line("Sector 3", "sector3_ms"), line("Lap", "lap_time_ms")];
  }

  /** Show the last lap of both against distance: the same one in a race, the best of each elsewhere. */
  openTraces() {
    const { laps, nowMs, wanted } = this.charts;
    const [one, two] = this.cars;
    const last = laps?.gaps(two, one, nowMs).at(-1)?.row.lap ?? null;
    const lapOf = (/** @type {string} */ car) => (this.session.isRace ? last : (laps?.best(car, nowMs)?.lap ?? null));
    wanted.traces = [one, two].map((car) => ({ car, lap: lapOf(car) }));
    this.charts.onOpen("traces");
  }
}

/**
 * @param {string} text on the button
 * @param {string} title what it does
 * @param {() => void} onClick does it
 * @returns {HTMLButtonElement} the button
 */
function button(text, title, onClick) {
  const made = element("button", { type: "button", class: "small", title }, text);
  made.addEventListener("click", onClick);
  return made;
}

/**
 * @param {string[]} texts of its cells
 * @returns {HTMLTableRowElement} the row
 */
function row([what, ...texts]) {
  return element("tr", {}, element("th", { scope: "row" }, what), ...texts.map((text) => element("td", { class: "num" }, text)));
}

/**
 * @param {Car} one of both
 * @param {Car} two the other
 * @returns {string} who is ahead of whom, and by how much
 */
function raceText(one, two) {
  if (one.position === null || two.position === null) return "";
  const [ahead, behind] = one.position < two.position ? [one, two] : [two, one];
  const apart = Number(behind.position) - Number(ahead.position);
  const places = apart === 1 ? "right behind" : `${apart} places behind`;
  const from = ahead.position === 1 ? 0 : ahead.gap;
  const laps = (behind.lapsDown ?? 0) - (ahead.lapsDown ?? 0);
  const gap = behind.gap !== null && from !== null ? `, ${(behind.gap - from).toFixed(3)} s` : laps > 0 ? `, ${laps} lap${laps === 1 ? "" : "s"}` : "";
  return `${behind.driver.code} is ${places} ${ahead.driver.code}${behind.state === "out" ? " and out" : gap}`;
}

/**
 * @param {number | null} seconds behind
 * @param {number | null} laps behind
 * @returns {string} one of both
 */
function behindText(seconds, laps) {
  if (seconds !== null) return `+${seconds.toFixed(3)}`;
  return laps ? `+${laps} lap${laps === 1 ? "" : "s"}` : "–";
}

/**
 * @param {LapRow | null | undefined} lap any
 * @returns {string} its time
 */
function timeText(lap) {
  return lap?.lap_time_ms ? lapText(lap.lap_time_ms) : "–";
}

/**
 * @param {number | null | undefined} one a time
 * @param {number | null | undefined} two another
 * @returns {string} how much longer the second one is
 */
function apartText(one, two) {
  return one && two ? signed(two - one) : "–";
}

/**
 * @param {number} ms any
 * @returns {string} seconds with their sign
 */
function signed(ms) {
  return `${ms < 0 ? "−" : "+"}${Math.abs(ms / 1000).toFixed(3)}`;
}
