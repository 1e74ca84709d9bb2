// The panels beside the map: the selected car, weather, race control, the quality of the data.

import { hoursText } from "./clock.js";
import { byId, element, setText, teamColor } from "./dom.js";

/** @import { Minute } from "./chunks.js" */
/** @import { Car } from "./moment.js" */
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

/** @typedef {MessageRow & { placedMs: number | null }} PlacedMessage a message with its moment on the clock, if it is known */

/**
 * Place race control's messages on the clock: by their own time, else by the time of day where the clock has one.
 *
 * @param {MessageRow[]} rows of the messages document
 * @param {string | null} utcOrigin time of day at the clock's origin
 * @returns {PlacedMessage[]} the same rows
 */
export function placeMessages(rows, utcOrigin) {
  const originMs = utcOrigin === null ? NaN : Date.parse(utcOrigin);
  return rows.map((row) => {
    const byUtcMs = Date.parse(row.utc ?? "") - originMs;
    return { ...row, placedMs: row.time_ms ?? (Number.isNaN(byUtcMs) ? null : byUtcMs) };
  });
}

/**
 * Show race control's messages up to the moment, newest first: those without a moment by the leader's lap, those without
 * either apart, when they are asked for or nothing is hidden.
 *
 * @param {PlacedMessage[] | undefined} rows of the messages document; undefined until it is there
 * @param {number} timeMs the moment
 * @param {number | null} leaderLap the lap the leader is on
 * @param {object} how they are shown
 * @param {number} how.startMs start of the session
 * @param {boolean} how.isAvailable whether the session has any
 * @param {boolean} how.isHiding whether what is ahead is hidden
 */
export function showMessages(rows, timeMs, leaderLap, { startMs, isAvailable, isHiding }) {
  const all = rows ?? [];
  const said = saidUntil(all, timeMs, leaderLap);
  const apart = all.filter((row) => row.placedMs === null && row.lap === null);
  const latest = said.slice(-MESSAGES_SHOWN).reverse();
  replaceIfNew(byId("messages"), `${said.length} of ${rows?.length} ${isAvailable}`, () => {
    if (!isAvailable) return [element("li", { class: "muted" }, "This session has no messages from race control.")];
    if (!said.length && (!all.length || apart.length < all.length)) return [element("li", { class: "muted" }, "Nothing said yet.")];
    return latest.map((row) => messageItem(row, row.placedMs === null ? `lap ${row.lap}` : hoursText(row.placedMs - startMs)));
  });
  const fold = byId("messages-apart", HTMLDetailsElement);
  fold.hidden = !apart.length;
  replaceIfNew(byId("messages-unplaced"), String(apart.length), () => {
    setText(byId("messages-apart-title"), `${apart.length} messages whose moment in the replay is not known`);
    // Whoever hides what is ahead unfolds them or not.
    fold.open = !isHiding;
    return apart.map((row) => messageItem(row, row.utc ? `${row.utc.slice(11, 19)} UTC` : ""));
  });
}

/**
 * @param {PlacedMessage[]} rows messages
 * @param {number} timeMs the moment
 * @param {number | null} leaderLap the lap the leader is on
 * @returns {PlacedMessage[]} what has been said until then
 */
export function saidUntil(rows, timeMs, leaderLap) {
  return rows.filter((row) => isSaid(row, timeMs, leaderLap));
}

/**
 * @param {PlacedMessage} row a message
 * @param {number} timeMs the moment
 * @param {number | null} leaderLap the lap the leader is on
 * @returns {boolean} whether it has been said
 */
function isSaid(row, timeMs, leaderLap) {
  if (row.placedMs !== null) return row.placedMs <= timeMs;
  return row.lap !== null && leaderLap !== null && row.lap <= leaderLap;
}

/**
 * @param {MessageRow} row a message
 * @param {string} when it was said
 * @returns {HTMLElement} its line
 */
function messageItem(row, when) {
  const flag = (row.flag ?? "").toLowerCase().replaceAll(" ", "-");
  return element("li", { class: `flag-${flag}` }, element("span", { class: "muted when" }, when), row.message ?? "");
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
 * @param {boolean} isHiding whether what is ahead is hidden: reasons may tell of it, so that they are folded away
 */
export function showQuality(manifest, quality, manifestUrl, isHiding) {
  const lacking = Object.entries(LACKING).filter(([name]) => manifest.capabilities[name] === false);
  const reasons = quality?.reasons ?? [];
  /** @param {string[]} items to be listed */
  const list = (items) => element("ul", {}, ...items.map((text) => element("li", {}, text)));
  const grade = element("strong", {}, `Grade ${manifest.grade}`);
  byId("quality").replaceChildren(
    reasons.length
      ? element("details", { open: !isHiding }, element("summary", {}, grade, ", because:"), list(reasons))
      : element("p", {}, grade, ": nothing to complain about."),
    ...(lacking.length ? [element("p", {}, "What there is not:"), list(lacking.map(([, text]) => text))] : []),
    element("p", { class: "muted" }, "A car without a known position is not drawn: the table says “no position”. Revision ",
      element("a", { href: manifestUrl }, manifest.revision), "."),
  );
}
