// The panels beside the map: the selected car, weather, race control, the quality of the data.

import { hoursText } from "./clock.js";
import { byId, element, setText, teamColor } from "./dom.js";

/** @import { Chunk } from "./decode.js" */
/** @import { Driver, Manifest, MessageRow, Quality, ResultRow, Table, WeatherRow } from "./types.d.ts" */

/** @typedef {{ meter: HTMLMeterElement, text: HTMLElement }} Bar a share with its words */

const MESSAGES_SHOWN = 30;
const DRS_OPEN = new Set([10, 12, 14]);
const LACKING = {
  timing: "timing: order, laps, gaps",
  telemetry: "telemetry: speed, gear, throttle, brake",
  positions: "positions of the cars on a map",
  track: "an outline of the track",
  corners: "corner numbers",
  drs: "DRS",
  weather: "weather",
  messages: "messages from race control",
  results: "official results",
  utc: "the time of day",
};

/** What one car does. */
export class CarPanel {
  /** @param {Manifest} manifest of the session */
  constructor(manifest) {
    this.hasTelemetry = Boolean(manifest.capabilities.telemetry);
    /** @type {Map<string, ResultRow>} */
    this.results = new Map();
    this.panel = byId("car-panel");
    /** @type {string | null} */
    this.shown = null;
    /** @type {Record<"speed" | "gear" | "rpm" | "drs", HTMLElement>} */
    this.cells = { speed: big(), gear: big(), rpm: big(), drs: big() };
    this.throttle = bar("Throttle");
    this.brake = bar("Brake");
  }

  /** @param {Table<ResultRow> | null} results the document */
  setResults(results) {
    this.results = new Map((results?.rows ?? []).map((row) => [row.car, row]));
    this.shown = null;
  }

  /** @param {Driver} driver of the car to be shown from now on */
  build(driver) {
    this.shown = driver.number;
    const heading = element("h2", {}, `${driver.code} ${driver.first_name} ${driver.last_name}`);
    heading.style.borderColor = teamColor(driver);
    const result = this.results.get(driver.number);
    this.panel.replaceChildren(
      heading,
      element("p", { class: "muted" }, `${driver.team} · car ${driver.number}`),
      ...(this.hasTelemetry ? this.instruments() : [element("p", {}, "No telemetry: speed, gear, throttle and brake are not known.")]),
      element("p", { class: "muted" }, result ? `Official result: ${resultText(result)}` : ""),
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

  /**
   * @param {Driver} driver of the car
   * @param {Chunk} chunk that covers the moment
   * @param {number} tick of the chunk
   */
  show(driver, chunk, tick) {
    if (this.shown !== driver.number) this.build(driver);
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

/**
 * Show the weather of the moment.
 *
 * @param {WeatherRow[] | undefined} rows of the weather document
 * @param {number} timeMs the moment
 * @param {boolean} available whether the session has any
 */
export function showWeather(rows, timeMs, available) {
  const row = rows?.findLast((entry) => entry.time_ms !== null && entry.time_ms <= timeMs);
  const pairs = row
    ? [
        ["Air", measured(row.air_temp_c, "°C")],
        ["Track", measured(row.track_temp_c, "°C")],
        ["Humidity", measured(row.humidity_percent, "%")],
        ["Wind", measured(row.wind_speed_mps, "m/s")],
        ["Pressure", measured(row.pressure_mbar, "mbar")],
        ["Rain", row.rainfall === null ? "–" : row.rainfall ? "yes" : "no"],
      ]
    : [["", available ? "Not known yet." : "No weather data."]];
  replaceIfNew(byId("weather"), JSON.stringify(pairs), () =>
    pairs.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );
}

/**
 * @param {number | null} value measured
 * @param {string} unit of it
 * @returns {string} as written
 */
function measured(value, unit) {
  return value === null ? "–" : `${value} ${unit}`;
}

/**
 * Show race control's messages up to the moment, newest first. Those without a time are placed by the leader's lap.
 *
 * @param {MessageRow[] | undefined} rows of the messages document
 * @param {number} timeMs the moment
 * @param {number | null} leaderLap the lap the leader is on
 * @param {number} startMs start of the session
 * @param {boolean} available whether the session has any
 */
export function showMessages(rows, timeMs, leaderLap, startMs, available) {
  const said = (rows ?? []).filter((row) =>
    row.time_ms === null ? row.lap !== null && leaderLap !== null && row.lap <= leaderLap : row.time_ms <= timeMs,
  );
  const latest = said.slice(-MESSAGES_SHOWN).reverse();
  replaceIfNew(byId("messages"), `${said.length} ${available}`, () => {
    if (!latest.length) {
      return [element("li", { class: "muted" }, available ? "Nothing said yet." : "This session has no messages from race control.")];
    }
    return latest.map((row) => {
      const when = row.time_ms === null ? `lap ${row.lap}` : hoursText(row.time_ms - startMs);
      const flag = (row.flag ?? "").toLowerCase().replaceAll(" ", "-");
      return element("li", { class: `flag-${flag}` }, element("span", { class: "muted when" }, when), row.message ?? "");
    });
  });
}

/**
 * @param {HTMLElement} target whose children they are
 * @param {string} id of what is to be shown
 * @param {() => Node[]} make makes it
 */
function replaceIfNew(target, id, make) {
  if (target.dataset.shown === id) return;
  target.dataset.shown = id;
  target.replaceChildren(...make());
}

/**
 * Say what the data is worth: grade, reasons, what is lacking, where it comes from.
 *
 * @param {Manifest} manifest of the session
 * @param {Quality | null} quality the document, null until it is there
 * @param {string} manifestUrl address of the manifest
 */
export function showQuality(manifest, quality, manifestUrl) {
  const lacking = Object.entries(LACKING).filter(([name]) => manifest.capabilities[name] === false);
  const reasons = quality?.reasons ?? [];
  /** @param {string[]} items to be listed */
  const list = (items) => element("ul", {}, ...items.map((text) => element("li", {}, text)));
  byId("quality").replaceChildren(
    element("p", {}, element("strong", {}, `Grade ${manifest.grade}`), reasons.length ? ", because:" : ": nothing to complain about."),
    ...(reasons.length ? [list(reasons)] : []),
    ...(lacking.length ? [element("p", {}, "What there is not:"), list(lacking.map(([, text]) => text))] : []),
    element("p", { class: "muted" }, "A car without a known position is not drawn: the table says “no position”. Revision ",
      element("a", { href: manifestUrl }, manifest.revision), "."),
  );
}
