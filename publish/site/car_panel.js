// The panel of one car: the selected one, else the one that leads.

import { byId, element, setText, teamColor } from "./dom.js";

/** @import { Minute } from "./chunks.js" */
/** @import { Car } from "./moment.js" */
/** @import { Driver, Manifest, ResultRow, Table } from "./types.d.ts" */

/** @typedef {{ meter: HTMLMeterElement, text: HTMLElement }} Bar a share with its words */

const DRS_OPEN = new Set([10, 12, 14]);

/** What one car does. */
export class CarPanel {
  /** @param {Manifest} manifest of the session */
  constructor(manifest) {
    this.hasTelemetry = Boolean(manifest.capabilities.telemetry);
    /** @type {Map<string, ResultRow>} */
    this.results = new Map();
    /** Whether somebody has asked for the results, of all cars. */
    this.isAsked = false;
    this.panel = byId("car-panel");
    /** @type {string | null} */
    this.shown = null;
    this.role = element("p", { class: "muted" });
    this.result = element("p", { class: "muted result" });
    this.button = element("button", { type: "button", class: "ask" }, "Show the official result");
    this.button.addEventListener("click", () => {
      this.isAsked = true;
      this.setResult(this.shown ?? "", true, true);
    });
    /** @type {Record<"speed" | "gear" | "rpm" | "drs", HTMLElement>} */
    this.cells = { speed: big(), gear: big(), rpm: big(), drs: big() };
    this.throttle = bar("Throttle");
    this.brake = bar("Brake");
  }

  /** @param {Table<ResultRow> | null} results the document */
  setResults(results) {
    this.results = new Map((results?.rows ?? []).map((row) => [row.car, row]));
  }

  /** @param {Driver} driver of the car to be shown from now on */
  build(driver) {
    this.shown = driver.number;
    const heading = element("h2", {}, `${driver.code} ${driver.first_name} ${driver.last_name}`);
    heading.style.borderColor = teamColor(driver);
    this.panel.replaceChildren(
      heading, this.role,
      ...(this.hasTelemetry ? this.instruments() : [element("p", {}, "No telemetry: speed, gear, throttle and brake are not known.")]),
      this.result,
    );
  }

  /** @returns {HTMLElement[]} where the telemetry is shown */
  instruments() {
    const units = { speed: "km/h", gear: "gear", rpm: "rpm", drs: "DRS" };
    const cells = Object.entries(this.cells).map(([name, cell]) =>
      element("div", { class: "cell" }, cell, element("span", { class: "muted" }, units[/** @type {keyof typeof units} */ (name)])),
    );
    const bars = [this.throttle, this.brake].map(({ meter, text }) =>
      element("div", { class: "bar" }, element("span", { class: "muted" }, meter.getAttribute("aria-label") ?? ""), meter, text),
    );
    return [element("div", { class: "cells" }, ...cells), ...bars];
  }

  /** Say how to choose a car, where none is and none leads. */
  showNone() {
    if (this.shown === "") return;
    this.shown = "";
    this.panel.replaceChildren(element("h2", {}, "No car chosen"), element("p", { class: "muted" }, "Choose one in the table or on the map."));
  }

  /**
   * @param {Car} car at the moment
   * @param {Minute} chunk that covers the moment
   * @param {number} tick of the chunk
   * @param {object} how it is shown
   * @param {boolean} how.isChosen whether somebody chose it; else it is the one that leads
   * @param {boolean} how.isHiding whether what is ahead is hidden
   */
  show(car, chunk, tick, { isChosen, isHiding }) {
    const { driver } = car;
    if (this.shown !== driver.number) this.build(driver);
    setText(this.role, `${driver.team} · car ${driver.number}${isChosen ? "" : " · in front"}`);
    // Whoever has taken the flag has its result; anything earlier would tell what is ahead.
    this.setResult(driver.number, car.state === "finished" || (isChosen && (this.isAsked || !isHiding)), isChosen);
    if (!this.hasTelemetry) return;
    /** @param {string} name of a channel */
    const value = (name) => chunk.number(driver.number, name, tick);
    /** @param {number | null} number to be written */
    const text = (number) => (number === null ? "–" : String(Math.round(number)));
    const [gear, drs, brake] = [value("gear"), value("drs"), value("brake")];
    setText(this.cells.speed, text(value("speed")));
    setText(this.cells.rpm, text(value("rpm")));
    setText(this.cells.gear, gear === 0 ? "N" : text(gear));
    setText(this.cells.drs, drs === null ? "–" : DRS_OPEN.has(drs) ? "open" : "shut");
    setBar(this.throttle, value("throttle"), (percent) => `${Math.round(percent)} %`);
    setBar(this.brake, brake === null ? null : brake * 100, (percent) => (percent ? "on" : "off"));
  }

  /**
   * @param {string} number of the car
   * @param {boolean} isKnown whether its result may be told
   * @param {boolean} canAsk whether it can be asked for
   */
  setResult(number, isKnown, canAsk) {
    const result = this.results.get(number);
    if (result && !isKnown && canAsk) {
      if (!this.button.isConnected) this.result.replaceChildren(this.button);
    } else setText(this.result, result && isKnown ? `Official result: ${resultText(result)}` : "");
  }
}

/** @returns {HTMLElement} where a large number is shown */
const big = () => element("span", { class: "big" });

/**
 * @param {string} label of the bar
 * @returns {Bar} the bar
 */
function bar(label) {
  const meter = element("meter", { min: 0, max: 100, "aria-label": label, class: label.toLowerCase() });
  return { meter, text: element("span", { class: "num" }) };
}

/**
 * @param {Bar} target to be set
 * @param {number | null} percent of it
 * @param {(percent: number) => string} words for it
 */
function setBar({ meter, text }, percent, words) {
  meter.value = percent ?? 0;
  setText(text, percent === null ? "–" : words(percent));
}

/**
 * @param {ResultRow} row of a car
 * @returns {string} its result
 */
function resultText(row) {
  const place = row.position === null ? row.classified ?? "not classified" : `P${row.position}`;
  return [place, row.status].filter(Boolean).join(", ");
}
