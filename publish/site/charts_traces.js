// Traces: laps of any cars against distance, with the time one loses to another, and where on the map that is.

import { addressPart, keepInAddress } from "./address.js";
import { lapText } from "./clock.js";
import { compoundLetter } from "./charts_style.js";
import { element, teamColor } from "./dom.js";
import { isAbort } from "./fetch.js";
import { TrackMap } from "./draw.js";
import { isClean } from "./charts_laps.js";
import { LapTrace, TRACED } from "./lap_trace.js";
import { seenOn, ticks } from "./plot.js";

/** @import { Charts } from "./charts.js" */
/** @import { Scene, Target } from "./charts_style.js" */
/** @import { Look, Plot, Stroke } from "./plot.js" */
/** @import { LapRow, Track } from "./types.d.ts" */

/** @typedef {{ car: string, lap: number | null }} Choice a lap that is to be shown, null for none yet */
/** @typedef {{ name: string, title: string, weight: number, range: [number, number], marks: number[], isHeld?: boolean, isMore?: boolean }} Strip a part of the chart, one channel */

const MOST = 4;
const KEPT_LAPS = 12;
const COLUMNS = 300;
const GAP_PX = 7;
const ROOMY_PX = 150; // codes beside the dots have room on the map
const LOW_PX = 190; // speed and time are all there is room for
/** @type {Strip[]} */
const STRIPS = [
  { name: "speed", title: "km/h", weight: 4, range: [40, 350], marks: [100, 200, 300] },
  { name: "delta", title: "s behind", weight: 2, range: [-1, 1], marks: [] },
  { name: "throttle", title: "throttle %", weight: 1.4, range: [-4, 104], marks: [0, 100], isMore: true },
  { name: "brake", title: "brake", weight: 0.7, range: [-0.15, 1.15], marks: [], isHeld: true, isMore: true },
  { name: "gear", title: "gear", weight: 1.3, range: [0.5, 8.5], marks: [2, 5, 8], isHeld: true, isMore: true },
];

/** The traces of up to four laps. */
export class Traces {
  /** @param {Charts} charts of the session */
  constructor(charts) {
    this.charts = charts;
    this.session = charts.player.session;
    /** @type {Choice[]} */
    this.choices = [];
    /** @type {Map<string, LapTrace>} */
    this.loaded = new Map();
    this.giveUp = new AbortController();
    /** @type {Track | null} */
    this.track = null;
    this.list = element("div", { class: "traced" });
    this.more = element("button", { type: "button", class: "small" }, "Add lap");
    this.more.addEventListener("click", () => this.add());
    this.quickest = element("button", { type: "button", class: "small", title: "The best lap so far of each of these cars" }, "Best laps");
    this.quickest.addEventListener("click", () => this.set(this.choices.map(({ car }) => ({ car, lap: this.bestOf(car) }))));
    this.controls = [this.list, this.more, this.quickest];
    this.canvas = element("canvas", { class: "mini", role: "img", "aria-label": "Where on the track this is" });
    this.values = element("table", { class: "values" });
    this.aside = element("div", { class: "trace-side" }, this.canvas, this.values);
    /** @type {TrackMap | null} */
    this.map = null;
    /** @type {Target | null} */
    this.pointed = null;
    this.known = -1;
    this.fitted = "";
  }

  /** Show what was chosen before, or at first the last lap that says something of the two cars in front. Throws LoadError. */
  async open() {
    this.track ??= await this.charts.reader.read("track", { signal: this.giveUp.signal });
    const { wanted } = this.charts;
    if (wanted.traces) this.choices = wanted.traces;
    else if (!this.choices.length) this.choices = this.choicesOf(addressPart("laps") ?? "");
    if (!this.choices.length) this.choices = this.firstChoices();
    wanted.traces = null;
    await this.set(this.choices);
  }

  /** @returns {number} how far laps may be shown */
  get untilMs() {
    return this.charts.scene().untilMs;
  }

  /**
   * @param {string} text of an address: `1-27,11-27`, car and lap
   * @returns {Choice[]} the laps it names, of cars there are
   */
  choicesOf(text) {
    const named = text.split(",").map((part) => part.split("-"));
    return named.flatMap(([car, lap]) => (this.session.manifest.drivers.some(({ number }) => number === car) ? [{ car, lap: Number(lap) || null }] : []));
  }

  /** @returns {Choice[]} the same lap of both cars in a race, the best of each elsewhere */
  firstChoices() {
    const { laps, chosen, cars } = this.charts;
    const [one, two] = [...chosen, ...cars.map(({ number }) => number).filter((number) => !chosen.includes(number))];
    const ended = (/** @type {string} */ car) => laps?.ended(car, Math.min(this.untilMs, this.charts.nowMs)).filter(isClean).map(({ lap }) => lap) ?? [];
    const common = this.session.isRace ? ended(one).findLast((lap) => ended(two).includes(lap)) : undefined;
    return [one, two].map((car) => ({ car, lap: common ?? this.bestOf(car) }));
  }

  /**
   * @param {string} car racing number
   * @returns {number | null} its best lap so far
   */
  bestOf(car) {
    return this.charts.laps?.best(car, this.untilMs)?.lap ?? null;
  }

  /** Add the best lap of a car that is not there yet. */
  add() {
    const shown = new Set(this.choices.map(({ car }) => car));
    const next = this.charts.cars.find(({ number }) => !shown.has(number)) ?? this.charts.cars[0];
    this.set([...this.choices, { car: next.number, lap: this.bestOf(next.number) }]);
  }

  /**
   * Show other laps. What nobody waits for any more is given up.
   *
   * @param {Choice[]} choices the laps, the first is the one the others are measured against
   */
  async set(choices) {
    this.choices = choices.slice(0, MOST);
    keepInAddress("laps", this.choices.map(({ car, lap }) => `${car}-${lap ?? ""}`).join(","));
    this.giveUp.abort();
    this.giveUp = new AbortController();
    this.fill();
    this.charts.draw();
    try {
      for (const choice of this.choices) await this.load(choice, this.giveUp.signal);
      this.forget();
    } catch (error) {
      if (!isAbort(error)) this.charts.player.report(error);
    }
  }

  /** Keep no more in memory than a few laps: the minutes they were made of, and laps of long ago, are read again. */
  forget() {
    this.charts.reader.minutes.clear();
    for (const id of this.loaded.keys()) {
      if (this.loaded.size <= KEPT_LAPS) break;
      if (!this.choices.some(({ car, lap }) => `${car} ${lap}` === id)) this.loaded.delete(id);
    }
  }

  /**
   * @param {Choice} choice a lap
   * @param {AbortSignal} signal gives up on it
   */
  async load({ car, lap }, signal) {
    const row = this.rowOf({ car, lap });
    const id = `${car} ${lap}`;
    if (!row || row.start_ms === null || row.end_ms === null || this.loaded.has(id)) return;
    const trace = await this.charts.reader.trace(car, row.start_ms, row.end_ms, { channels: TRACED, signal });
    const lengthM = this.session.manifest.samples.lap_length_m ?? this.track?.length_m;
    if (!lengthM) return;
    this.loaded.set(id, new LapTrace(row, trace, lengthM, this.track?.sectors_m));
    this.charts.draw();
  }

  /**
   * @param {Choice} choice a lap
   * @returns {LapRow | null} its row, null while it has not ended or may not be shown
   */
  rowOf({ car, lap }) {
    return this.charts.laps?.ended(car, this.untilMs).find((row) => row.lap === lap) ?? null;
  }

  /** @returns {{ trace: LapTrace, stroke: Stroke, label: string }[]} what can be shown, the first is measured against */
  shown() {
    const look = this.charts.look;
    /** @type {Set<string>} */
    const taken = new Set();
    return this.choices.flatMap((choice) => {
      const trace = this.rowOf(choice) && this.loaded.get(`${choice.car} ${choice.lap}`);
      if (!trace?.isKnown) return [];
      const color = this.colorOf(choice.car, look, taken);
      taken.add(color);
      return [{ trace, stroke: { color, width: 1.7 }, label: `${this.codeOf(choice.car)} ${choice.lap}` }];
    });
  }

  /**
   * @param {string} car racing number
   * @param {Look} look the colours of the page
   * @param {Set<string>} taken by other laps
   * @returns {string} its team's colour, or another one that is free
   */
  colorOf(car, look, taken) {
    const driver = this.session.manifest.drivers.find(({ number }) => number === car);
    const own = driver ? seenOn(teamColor(driver), look) : look.muted;
    return [own, look.text, look.accent, look.muted].find((color) => !taken.has(color)) ?? own;
  }

  /**
   * @param {string} car racing number
   * @returns {string} the code of its driver
   */
  codeOf(car) {
    return this.session.manifest.drivers.find(({ number }) => number === car)?.code ?? car;
  }

  /** Offer the laps there are. */
  fill() {
    this.known = this.countEnded();
    const shown = this.choices.map((choice, index) => this.chooser(choice, index));
    this.list.replaceChildren(...shown);
    this.more.hidden = this.choices.length >= MOST;
    this.paintSwatches();
  }

  /** Give every choice the colour its line has. */
  paintSwatches() {
    const taken = new Set();
    [...this.list.querySelectorAll(".team")].forEach((swatch, i) => {
      const color = this.colorOf(this.choices[i].car, this.charts.look, taken);
      taken.add(color);
      if (swatch instanceof HTMLElement) swatch.style.background = color;
    });
  }

  /** @returns {number} how many laps may be shown */
  countEnded() {
    return this.charts.cars.reduce((sum, { number }) => sum + (this.charts.laps?.ended(number, this.untilMs).length ?? 0), 0);
  }

  /**
   * @param {Choice} choice a lap
   * @param {number} index of it
   * @returns {HTMLElement} where it is chosen
   */
  chooser(choice, index) {
    const change = (/** @type {Choice} */ to) => this.set(this.choices.map((other, i) => (i === index ? to : other)));
    const cars = element("select", { "aria-label": `Car of lap ${index + 1}` }, ...this.session.manifest.drivers.map(({ number, code }) => element("option", { value: number, selected: number === choice.car }, code)));
    cars.addEventListener("change", () => change({ car: cars.value, lap: this.bestOf(cars.value) }));
    const laps = element("select", { "aria-label": `Lap of ${this.codeOf(choice.car)}` }, ...this.lapOptions(choice));
    laps.addEventListener("change", () => change({ car: choice.car, lap: Number(laps.value) }));
    const away = element("button", { type: "button", class: "small plain", "aria-label": `Take ${this.codeOf(choice.car)} away`, hidden: this.choices.length < 2 }, "×");
    away.addEventListener("click", () => this.set(this.choices.filter((_, i) => i !== index)));
    return element("span", { class: "traced-lap" }, element("span", { class: "team", "aria-hidden": "true" }), cars, laps, away);
  }

  /**
   * @param {Choice} choice a lap
   * @returns {HTMLOptionElement[]} the laps of its car
   */
  lapOptions({ car, lap }) {
    const rows = this.charts.laps?.ended(car, this.untilMs) ?? [];
    const options = rows.map((row) => {
      const time = row.lap_time_ms === null ? "no time" : lapText(row.lap_time_ms);
      const where = row.pit_out_ms !== null ? " out" : row.pit_in_ms !== null ? " in" : "";
      return element("option", { value: String(row.lap), selected: row.lap === lap }, `${row.lap} · ${time} · ${compoundLetter(row.compound)}${where}`);
    });
    return rows.some((row) => row.lap === lap) ? options : [element("option", { value: "", selected: true, disabled: true }, "no lap yet"), ...options];
  }

  /** Take what the present moment brings: laps that have ended, unless somebody is choosing one. */
  refresh() {
    if (this.known !== this.countEnded() && !this.list.contains(document.activeElement)) this.fill();
  }

  /**
   * @param {Plot} plot to draw on
   * @param {Scene} scene to be drawn
   * @returns {Target[]} what can be pointed at
   */
  draw(plot, scene) {
    const shown = this.shown();
    const lengthM = shown[0]?.trace.lengthM ?? this.track?.length_m ?? 1;
    const columns = Array.from({ length: COLUMNS + 1 }, (_, i) => (lengthM * i) / COLUMNS);
    const box = { left: 44, top: 34, right: plot.width - 12, bottom: plot.height - 34 };
    const delta = deltaRange(shown.map(({ trace }) => deltas(trace, shown[0].trace)));
    const isLow = box.bottom - box.top < LOW_PX;
    const wanted = STRIPS.filter(({ name, isMore }) => (name !== "delta" || shown.length > 1) && !(isLow && isMore));
    const strips = wanted.map((strip) => (strip.name === "delta" ? { ...strip, ...delta } : strip));
    const whole = strips.reduce((sum, { weight }) => sum + weight, 0);
    const room = box.bottom - box.top - GAP_PX * (strips.length - 1);
    let top = box.top;
    for (const strip of strips) {
      const bottom = top + (room * strip.weight) / whole;
      plot.scale({ ...box, top, bottom }, [0, lengthM], strip.range);
      drawStrip(plot, strip, shown, columns);
      top = bottom + GAP_PX;
    }
    plot.scale(box, [0, lengthM], [0, 1]);
    this.drawCorners(plot);
    plot.key(shown.map(({ trace, stroke, label }) => ({ text: `${label} · ${lapText(trace.timeMs)}`, stroke })));
    plot.axisX(ticks(0, lengthM, Math.max(2, (box.right - box.left) / 80)), (metres) => String(metres), "Metres from the line");
    if (!shown.length) plot.text(this.choices.some((choice) => this.rowOf(choice)) ? "Loading…" : "No lap has ended yet", plot.width / 2, plot.height / 2, { align: "center", size: 13 });
    this.showValues(shown);
    return shown.length ? columns.map((s, i) => this.target(plot, shown, s, i, scene)) : [];
  }

  /** @param {Plot} plot on which to mark the corners, as far apart as they can be read */
  drawCorners(plot) {
    let free = -Infinity;
    for (const { number, letter, distance_m: metres } of this.track?.corners ?? []) {
      if (metres === null || metres === undefined) continue;
      const px = plot.x(metres);
      plot.line([[metres, 0], [metres, 1]], { color: plot.look.muted, width: 1, dash: [2, 3], alpha: 0.55 });
      if (px < free) continue;
      plot.text(`${number}${letter}`, px, plot.box.top - 8, { align: "center", size: 10 });
      free = px + 16;
    }
  }

  /**
   * @param {Plot} plot that was drawn on
   * @param {{ trace: LapTrace, label: string }[]} shown laps
   * @param {number} metres from the line
   * @param {number} column its number
   * @param {Scene} scene that is shown
   * @returns {Target} what it says there
   */
  target(plot, shown, metres, column, { untilMs }) {
    const told = shown.map(({ trace, label }, i) => {
      const speed = trace.along("speed", COLUMNS)[column];
      const [ms, from] = [trace, shown[0].trace].map((one) => one.along("time", COLUMNS)[column]);
      const delta = i ? `, ${signed((ms - from) / 1000)} s` : "";
      return `${label} ${Number.isNaN(speed) ? "speed unknown" : `${Math.round(speed)} km/h`}${delta}`;
    });
    const [{ trace: first }] = shown;
    const timeMs = first.startMs + first.along("time", COLUMNS)[column];
    return { px: plot.x(metres), py: plot.box.top, row: "distance", column, timeMs: timeMs <= untilMs ? timeMs : null, text: `${Math.round(metres)} m: ${told.join("; ")}` };
  }

  /** @param {Target | null} target that is pointed at */
  point(target) {
    this.pointed = target;
    this.showValues(this.shown());
  }

  /** @param {{ trace: LapTrace, stroke: Stroke, label: string }[]} shown laps, of which the values are told and the places drawn */
  showValues(shown) {
    const { pointed } = this;
    const metres = pointed && shown.length ? (shown[0].trace.lengthM * pointed.column) / COLUMNS : null;
    const head = element("tr", {}, ...["Lap", "km/h", "thr.", "br.", "gear", "s"].map((text) => element("th", { scope: "col" }, text)));
    this.values.replaceChildren(element("thead", {}, head), element("tbody", {}, ...shown.map((one, i) => valueRow(one, i ? shown[0].trace : null, metres))));
    this.drawMap(shown, metres);
  }

  /**
   * @param {{ trace: LapTrace, stroke: Stroke, label: string }[]} shown laps
   * @param {number | null} metres from the line, null where nothing is pointed at
   */
  drawMap(shown, metres) {
    const outline = this.charts.player.view.map?.track;
    this.canvas.hidden = !outline;
    if (!outline || !this.canvas.clientWidth) return;
    this.map ??= new TrackMap(this.canvas, outline, { margin: 22, isSmall: true });
    const fitted = `${this.canvas.clientWidth} ${this.canvas.clientHeight} ${this.charts.look.panel}`;
    if (this.fitted !== fitted) this.map.resize();
    this.fitted = fitted;
    const isRoomy = this.canvas.clientWidth > ROOMY_PX;
    const dots = metres === null ? [] : shown.map(({ trace, stroke }, i) => {
      // The others are where they were as long after the line: that is what the time between them looks like.
      const there = i ? trace.distanceAt(shown[0].trace.timeAt(metres)) : metres;
      return { number: trace.row.car, code: isRoomy ? this.codeOf(trace.row.car) : "", color: stroke.color, state: "running", selected: false, x: trace.valueAt("x", there), y: trace.valueAt("y", there) };
    });
    this.map.draw(dots.filter(({ x, y }) => !Number.isNaN(x + y)));
  }

  /** Give up on everything that is on its way. */
  dispose() {
    this.giveUp.abort();
  }
}

/**
 * @param {LapTrace} trace of a lap
 * @param {LapTrace} first that it is measured against
 * @returns {number[]} by how many s it is behind at every column
 */
function deltas(trace, first) {
  const from = first.along("time", COLUMNS);
  return [...trace.along("time", COLUMNS)].map((ms, i) => (ms - from[i]) / 1000);
}

/**
 * @param {number[][]} values in s of every lap at every column
 * @returns {{ range: [number, number], marks: number[] }} what the strip of them reaches from and to; behind is below
 */
function deltaRange(values) {
  const known = values.flat().filter((value) => !Number.isNaN(value));
  const [low, high] = [Math.min(-0.05, ...known), Math.max(0.05, ...known)];
  const pad = (high - low) * 0.08;
  return { range: [high + pad, low - pad], marks: ticks(low, high, 3) };
}

/**
 * @param {Plot} plot with the strip's scale
 * @param {Strip} strip to be drawn
 * @param {{ trace: LapTrace, stroke: Stroke }[]} shown laps
 * @param {number[]} columns metres from the line
 */
function drawStrip(plot, { name, title, marks, isHeld }, shown, columns) {
  const { box, look } = plot;
  plot.axisY(marks, (value) => (name === "delta" && value > 0 ? `+${value}` : String(value).replace("-", "−")));
  for (const edge of plot.ys) plot.line([[plot.xs[0], edge], [plot.xs[1], edge]], { color: look.line, width: 1 });
  const first = shown[0]?.trace;
  plot.inside(() => {
    for (const { trace, stroke } of [...shown].reverse()) {
      const values = name === "delta" ? deltas(trace, first) : trace.along(name, COLUMNS);
      /** @type {import("./plot.js").Points} */
      const points = columns.flatMap((s, i) => {
        return isHeld && i ? [[s, values[i - 1]], [s, values[i]]] : [[s, values[i]]];
      });
      plot.line(points, stroke);
    }
  });
  plot.text(title, box.left + 4, box.top + 7, { size: 10, weight: 600, hasHalo: true });
}

/**
 * @param {{ trace: LapTrace, stroke: Stroke, label: string }} shown a lap
 * @param {LapTrace | null} first that it is measured against, null for that itself
 * @param {number | null} metres from the line, null for the whole lap
 * @returns {HTMLElement} its values
 */
function valueRow({ trace, stroke, label }, first, metres) {
  const mark = element("span", { class: "team", "aria-hidden": "true" });
  mark.style.background = stroke.color;
  const at = (/** @type {string} */ name) => (metres === null ? NaN : trace.valueAt(name, metres));
  const [speed, throttle, brake, gear] = ["speed", "throttle", "brake", "gear"].map(at);
  const words = (/** @type {number} */ value) => (Number.isNaN(value) ? "–" : String(Math.round(value)));
  const seconds = metres === null ? trace.timeMs / 1000 : trace.timeAt(metres) / 1000;
  const delta = first ? signed(metres === null ? (trace.timeMs - first.timeMs) / 1000 : trace.deltaAt(first, metres) / 1000) : metres === null ? lapText(trace.timeMs) : seconds.toFixed(2);
  const cells = [words(speed), words(throttle), Number.isNaN(brake) ? "–" : brake ? "on" : "off", gear === 0 ? "N" : words(gear), delta];
  return element("tr", {}, element("th", { scope: "row" }, mark, label), ...cells.map((text) => element("td", { class: "num" }, text)));
}

/**
 * @param {number} value any
 * @returns {string} with its sign, to thousandths
 */
function signed(value) {
  if (Number.isNaN(value)) return "–";
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
}
