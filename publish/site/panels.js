// The panels beside the map: the selected car, weather, race control, the quality of the data.

import { hoursText } from "./clock.js";
import { byId, element, setText, teamColor } from "./dom.js";

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

export class CarPanel {
  constructor(manifest) {
    this.manifest = manifest;
    this.results = new Map();
    this.panel = byId("car-panel");
    this.shown = null;
    this.fields = {};
  }

  setResults(results) {
    this.results = new Map((results?.rows ?? []).map((row) => [row.car, row]));
    this.shown = null;
  }

  build(driver) {
    this.shown = driver.number;
    const heading = element("h2", {}, `${driver.code} ${driver.first_name} ${driver.last_name}`);
    heading.style.borderColor = teamColor(driver);
    const field = (name, unit) => {
      this.fields[name] = element("span", { class: "big" });
      return element("div", { class: "cell" }, this.fields[name], element("span", { class: "muted" }, unit));
    };
    const bar = (name, label) => {
      const meter = element("meter", { min: 0, max: 100, "aria-label": label, class: name });
      this.fields[name] = { meter, text: element("span", { class: "num" }) };
      return element("div", { class: "bar" }, element("span", { class: "muted" }, label), meter, this.fields[name].text);
    };
    const result = this.results.get(driver.number);
    this.panel.replaceChildren(
      heading,
      element("p", { class: "muted" }, `${driver.team} · car ${driver.number}`),
      ...(this.manifest.capabilities.telemetry
        ? [
            element("div", { class: "cells" }, field("speed", "km/h"), field("gear", "gear"), field("rpm", "rpm"), field("drs", "DRS")),
            bar("throttle", "Throttle"),
            bar("brake", "Brake"),
          ]
        : [element("p", {}, "No telemetry: speed, gear, throttle and brake are not known.")]),
      element("p", { class: "muted" }, result ? `Official result: ${resultText(result)}` : ""),
    );
  }

  show(driver, chunk, tick) {
    if (this.shown !== driver.number) this.build(driver);
    if (!this.manifest.capabilities.telemetry) return;
    const value = (name) => chunk.value(driver.number, name, tick);
    const text = (number) => (number === null ? "–" : String(Math.round(number)));
    for (const name of ["speed", "rpm"]) setText(this.fields[name], text(value(name)));
    const gear = value("gear");
    setText(this.fields.gear, gear === 0 ? "N" : text(gear));
    const drs = value("drs");
    setText(this.fields.drs, drs === null ? "–" : DRS_OPEN.has(drs) ? "open" : "shut");
    const brake = value("brake");
    setBar(this.fields.throttle, value("throttle"), (percent) => `${Math.round(percent)} %`);
    setBar(this.fields.brake, brake === null ? null : brake * 100, (percent) => (percent ? "on" : "off"));
  }
}

function setBar({ meter, text }, percent, words) {
  meter.value = percent ?? 0;
  setText(text, percent === null ? "–" : words(percent));
}

function resultText(row) {
  const place = row.position === null ? row.classified ?? "not classified" : `P${row.position}`;
  return [place, row.status].filter(Boolean).join(", ");
}

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

function measured(value, unit) {
  return value === null ? "–" : `${value} ${unit}`;
}

/** Messages up to the moment, newest first. Those without a time are placed by the leader's lap. */
export function showMessages(rows, timeMs, leaderLap, startMs, available) {
  const said = (rows ?? []).filter((row) =>
    row.time_ms === null ? row.lap !== null && leaderLap !== null && row.lap <= leaderLap : row.time_ms <= timeMs,
  );
  const latest = said.slice(-MESSAGES_SHOWN).reverse();
  const id = `${said.length} ${available}`;
  replaceIfNew(byId("messages"), id, () => {
    if (!latest.length) {
      return [element("li", { class: "muted" }, available ? "Nothing said yet." : "This session has no messages from race control.")];
    }
    return latest.map((row) => {
      const when = row.time_ms === null ? `lap ${row.lap}` : hoursText(row.time_ms - startMs);
      return element("li", { class: `flag-${(row.flag ?? "").toLowerCase().replaceAll(" ", "-")}` }, element("span", { class: "muted when" }, when), row.message);
    });
  });
}

function replaceIfNew(target, id, make) {
  if (target.dataset.shown === id) return;
  target.dataset.shown = id;
  target.replaceChildren(...make());
}

/** Say what the data is worth: grade, reasons, what is lacking, where it comes from. */
export function showQuality(manifest, quality, manifestUrl) {
  const lacking = Object.entries(LACKING).filter(([name]) => manifest.capabilities[name] === false);
  const reasons = quality?.reasons ?? [];
  const list = (items) => element("ul", {}, ...items.map((text) => element("li", {}, text)));
  const parts = [element("p", {}, element("strong", {}, `Grade ${manifest.grade}`), reasons.length ? ", because:" : ": nothing to complain about.")];
  if (reasons.length) parts.push(list(reasons));
  if (lacking.length) parts.push(element("p", {}, "What there is not:"), list(lacking.map(([, text]) => text)));
  parts.push(
    element("p", { class: "muted" }, "A car without a known position is not drawn: the table says “no position”. Revision ",
      element("a", { href: manifestUrl }, manifest.revision), "."),
  );
  byId("quality").replaceChildren(...parts);
}
