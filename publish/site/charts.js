// The charts of a session: which one is shown, of which cars, how far, and what is pointed at.

import { Laps } from "./charts_laps.js";
import { drawGaps, drawLapChart, drawStints, drawTimes } from "./charts_race.js";
import { drawStandings } from "./charts_standings.js";
import { addressPart, keepInAddress } from "./address.js";
import { element, setText, teamColor } from "./dom.js";
import { BASE } from "./fetch.js";
import { Library } from "./documents.js";
import { Session } from "./parcferme.js";
import { savePicture } from "./chart_picture.js";
import { lookOf, Plot } from "./plot.js";

/** @import { Scene, Target } from "./charts_style.js" */
/** @import { Car } from "./moment.js" */
/** @import { Player } from "./player.js" */
/** @import { Look } from "./plot.js" */

/**
 * One of the charts.
 *
 * @typedef {object} Chart
 * @property {string} title of it
 * @property {string} legend what its signs mean
 * @property {string} hint what else there is to know of it on the page
 * @property {number} cars how many have to be chosen
 * @property {boolean} [hasReference] whether another car than the leader can be the one that is measured from
 * @property {boolean} [isAcross] whether it is pointed at across alone, wherever the pointer is up or down
 * @property {(plot: Plot, scene: Scene) => Target[]} draw draws it
 */

/**
 * A chart that has more than a picture, which is loaded when it is first asked for.
 *
 * @typedef {object} Part
 * @property {HTMLElement[]} controls of it
 * @property {HTMLElement} aside what stands beside its picture
 * @property {() => Promise<void>} open is called when it is to be shown
 * @property {() => void} refresh is called at the present moment
 * @property {(target: Target | null) => void} point is called with what is pointed at
 * @property {() => void} dispose gives up on everything
 */

const REDRAW_MS = 500;
const NEAR_PX = 36;
const NO_CARS = -1; // nothing of a chart depends on which cars are chosen
const TRACES = "The first lap is the one the others are measured against: below zero they are behind.";
const TRACES_HINT = "The dots on the map are as long after the line.";
/** @type {Record<string, Chart>} */
const CHARTS = {
  places: { title: "Places by lap", legend: "Dots are pit stops, in the colour of the new tyres.", hint: "Click a lap to go there.", cars: 0, draw: drawLapChart },
  gaps: { title: "Gaps at the line by lap", legend: "Rings are pit stops.", hint: "Click a lap to go there.", cars: 0, hasReference: true, draw: drawGaps },
  stints: { title: "Tyres", legend: "Letter and laps; stripes at the beginning: a used set.", hint: "Click a lap to go there.", cars: 0, draw: drawStints },
  times: { title: "Lap times", legend: "Dots in the colour of the tyres; rings are laps from or into the pits, or slowed by a flag.", hint: "Click one to go there.", cars: 3, draw: drawTimes },
};
/** In the place of the lap chart where cars do not race each other. @type {Chart} */
const STANDINGS = { title: "Places by best lap", legend: "Rings are best laps; a lap in Q2 counts more than one in Q1.", hint: "Click one to go there.", cars: 0, draw: drawStandings };

/**
 * Those that are more than a picture, and how they are made.
 *
 * @type {Record<string, (charts: Charts) => Promise<Part>>}
 */
const PARTS = {
  duel: async (charts) => new (await import("./duel.js")).Duel(charts),
  traces: async (charts) => {
    const traces = new (await import("./charts_traces.js")).Traces(charts);
    charts.charts.traces = { title: "Traces", legend: TRACES, hint: TRACES_HINT, cars: NO_CARS, isAcross: true, draw: (plot, scene) => traces.draw(plot, scene) };
    return traces;
  },
};

/** What stands in the place of the map. */
export class Charts {
  /**
   * @param {Player} player of the session
   * @param {HTMLElement} pane where the charts are shown
   * @param {(id: string) => void} onOpen called with the tab of another chart that is asked for
   */
  constructor(player, pane, onOpen) {
    const { manifest, folder, startMs, isRace } = player.session;
    this.player = player;
    this.pane = pane;
    this.onOpen = onOpen;
    this.startMs = startMs;
    this.reader = new Session(new Library(BASE), manifest, folder);
    this.giveUp = new AbortController();
    /** @type {Laps | null} */
    this.laps = null;
    this.current = "";
    /** @type {Car[]} */
    this.cars = [];
    this.nowMs = player.clock.timeMs;
    /** @type {string | null} */
    this.selected = null;
    /** @type {string[]} */
    this.chosen = (addressPart("cars") ?? "").split(",").filter((number) => manifest.drivers.some((driver) => driver.number === number));
    /** @type {string | null} */
    this.reference = null;
    /** @type {Target[]} */
    this.targets = [];
    /** @type {Target | null} */
    this.pointed = null;
    this.drawnAt = 0;
    /** @type {Record<string, Chart>} */
    this.charts = { ...CHARTS, ...(isRace ? {} : { places: STANDINGS }) };
    /** @type {Map<string, Part>} */
    this.parts = new Map();
    /** @type {{ traces: { car: string, lap: number | null }[] | null }} what was asked for elsewhere */
    this.wanted = { traces: null };
    /** @type {Look} */
    this.look = lookOf(pane);
    this.base = element("canvas", { "aria-hidden": "true" });
    this.over = element("canvas", { tabIndex: 0, role: "application", "aria-roledescription": "chart" });
    this.tip = element("div", { class: "tip", role: "status" });
    this.bar = element("div", { class: "pane-bar" });
    this.plotted = element("div", { class: "plotted" }, this.base, this.over, this.tip);
    this.legend = element("p", { class: "legend muted" });
    this.chips = this.makeChips();
    this.against = this.makeReference();
    this.choose(this.chosen);
    this.save = element("button", { type: "button", class: "small picture", title: "Save this chart as a picture (PNG)" }, "Save chart");
    this.save.addEventListener("click", () => this.savePicture());
    this.body = element("div", { class: "pane-body" });
    this.pane.replaceChildren(this.bar, this.body, this.legend);
    this.listen();
  }

  /** Hear what is done on the chart. */
  listen() {
    this.over.addEventListener("pointermove", (event) => this.point(this.nearest(event.offsetX, event.offsetY), true));
    this.over.addEventListener("pointerleave", () => this.point(null));
    this.over.addEventListener("blur", () => this.point(null));
    this.over.addEventListener("click", (event) => this.follow(this.nearest(event.offsetX, event.offsetY)));
    this.over.addEventListener("keydown", (event) => this.onKey(event));
  }

  /**
   * Take the present moment.
   *
   * @param {number} timeMs the moment
   * @param {Car[]} cars in order
   * @param {string | null} selected number of the selected car
   */
  take(timeMs, cars, selected) {
    [this.nowMs, this.cars] = [timeMs, cars];
    if (selected === this.selected) return;
    this.selected = selected;
    if (selected !== null) this.choose([selected, ...this.chosen.filter((number) => number !== selected)]);
  }

  /**
   * Show a chart. Throws LoadError.
   *
   * @param {string} id of its tab
   */
  async open(id) {
    this.current = id;
    this.point(null);
    delete document.body.dataset.chart;
    if (!this.laps) {
      const { signal } = this.giveUp;
      const [laps, results] = await Promise.all([this.reader.laps({ signal }), this.reader.read("results", { signal })]);
      const { startMs, player } = this;
      this.laps = new Laps(laps, { results: results?.rows ?? [], startMs, totalLaps: player.session.isRace ? player.session.manifest.total_laps : null });
    }
    const part = await this.partOf(id);
    if (this.current !== id) return;
    const chart = this.charts[id];
    if (!chart) {
      this.openTable(id, part);
      return;
    }
    this.fill(chart.cars);
    const common = [...(chart.cars === NO_CARS ? [] : [this.chips]), ...(chart.hasReference ? [this.against] : [])];
    this.bar.replaceChildren(...common, ...(part?.controls ?? []), this.save);
    this.body.replaceChildren(this.plotted, ...(part ? [part.aside] : []));
    setText(this.legend, `${chart.legend} ${chart.hint}`);
    this.over.setAttribute("aria-label", `${chart.title}. Arrow keys go from one place to the next, Enter goes to that moment.`);
    this.plotted.classList.toggle("across", Boolean(chart.isAcross));
    this.draw();
    await part?.open();
  }

  /**
   * @param {string} id of a tab that has no picture
   * @param {Part | null} part what it has
   */
  openTable(id, part) {
    this.fill(2);
    this.bar.replaceChildren(...(part?.controls ?? []));
    this.body.replaceChildren(...(part ? [part.aside] : []));
    setText(this.legend, "");
    part?.refresh();
    document.body.dataset.chart = id;
  }

  /**
   * @param {string} id of a chart
   * @returns {Promise<Part | null>} what it has beside a picture, null for nothing
   */
  async partOf(id) {
    const known = this.parts.get(id);
    if (known || !(id in PARTS)) return known ?? null;
    const part = await PARTS[id](this);
    this.parts.set(id, part);
    return part;
  }

  /** Show nothing for now. */
  close() {
    this.current = "";
    this.point(null);
    delete document.body.dataset.chart;
  }

  /** @param {number} least how many cars are to be chosen: those in front, if nobody chose others */
  fill(least) {
    const more = this.cars.map(({ number }) => number).filter((number) => !this.chosen.includes(number));
    if (this.chosen.length < least) this.choose([...this.chosen, ...more.slice(0, least - this.chosen.length)]);
  }

  /** @param {string[]} numbers of the cars to be seen before others */
  choose(numbers) {
    this.chosen = numbers;
    keepInAddress("cars", numbers.join(","));
    for (const chip of this.chips.querySelectorAll("button")) chip.setAttribute("aria-pressed", String(numbers.includes(chip.dataset.car ?? "")));
    const codes = this.player.session.manifest.drivers.filter(({ number }) => numbers.includes(number)).map(({ code }) => code);
    setText(this.chips.querySelector("summary") ?? this.chips, codes.length > 4 ? `Cars: ${codes.length}` : `Cars: ${codes.join(", ") || "all"}`);
    this.draw();
  }

  /** @returns {HTMLDetailsElement} where cars are chosen */
  makeChips() {
    const byTeam = [...this.player.session.manifest.drivers].sort((a, b) => a.team.localeCompare(b.team));
    const buttons = byTeam.map((driver) => {
      const mark = element("span", { class: "team", "aria-hidden": "true" });
      mark.style.background = teamColor(driver);
      const chip = element("button", { type: "button", class: "chip", "aria-pressed": "false", data: { car: driver.number }, title: `${driver.first_name} ${driver.last_name}` }, mark, driver.code);
      chip.addEventListener("click", () => {
        const { number } = driver;
        this.choose(this.chosen.includes(number) ? this.chosen.filter((other) => other !== number) : [...this.chosen, number]);
      });
      return chip;
    });
    const none = element("button", { type: "button", class: "chip" }, "None");
    none.addEventListener("click", () => this.choose([]));
    const fold = element("details", { class: "cars" }, element("summary", {}, "Cars: all"), element("div", { class: "chips" }, ...buttons, none));
    fold.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !fold.open) return;
      fold.open = false;
      fold.querySelector("summary")?.focus();
    });
    return fold;
  }

  /** @returns {HTMLLabelElement} where the car is chosen that gaps are measured from */
  makeReference() {
    const select = element("select", {}, element("option", { value: "" }, "the leader"),
      ...this.player.session.manifest.drivers.map(({ number, code }) => element("option", { value: number }, code)));
    select.addEventListener("change", () => this.measureFrom(select.value || null));
    return element("label", { class: "against" }, "Gap to ", select);
  }

  /** @param {string | null} number of the car that gaps are measured from, null for the leader */
  measureFrom(number) {
    this.reference = number;
    const select = this.against.querySelector("select");
    if (select) select.value = number ?? "";
    this.draw();
  }

  /** @returns {Scene} what is to be drawn */
  scene() {
    const { session, view } = this.player;
    const { manifest, isRace } = session;
    if (!this.laps) throw new Error("the laps of the session are not there yet");
    return {
      laps: this.laps, drivers: manifest.drivers, isRace, parts: session.parts.parts, bests: this.player.bests?.byCar ?? new Map(), runs: view.timeline.runs,
      untilMs: view.hiding.isOn ? this.nowMs : Infinity, nowMs: this.nowMs,
      order: this.cars.map(({ number }) => number),
      out: new Set(this.cars.filter(({ state }) => state === "out").map(({ number }) => number)),
      chosen: this.chosen, reference: this.reference,
    };
  }

  /** Bring what is shown up to the present moment, while time runs not more often than can be seen. */
  refresh() {
    if (this.player.clock.playing && performance.now() - this.drawnAt < REDRAW_MS) return;
    this.parts.get(this.current)?.refresh();
    this.draw();
  }

  /** Draw the chart anew. */
  draw() {
    const { current, plotted } = this;
    const [width, height] = [plotted.clientWidth, plotted.clientHeight];
    const chart = this.charts[current];
    if (!chart || !this.laps || !width || !height) return;
    const from = performance.now();
    this.drawnAt = from;
    const size = { width, height, ratio: window.devicePixelRatio || 1 };
    this.look = lookOf(this.pane);
    this.targets = chart.draw(new Plot(this.base, size, this.look), this.scene());
    this.mark();
    Object.assign(document.body.dataset, { chart: current, chartMs: (performance.now() - from).toFixed(1) });
  }

  /**
   * @param {number} px a place on the chart
   * @param {number} py a place on the chart
   * @returns {Target | null} what is meant
   */
  nearest(px, py) {
    const { isAcross } = this.charts[this.current] ?? {};
    const away = (/** @type {Target} */ target) => (isAcross ? Math.abs(target.px - px) : Math.hypot(target.px - px, target.py - py));
    const nearest = this.targets.reduce((best, target) => (best && away(best) <= away(target) ? best : target), /** @type {Target | null} */ (null));
    return nearest && away(nearest) <= NEAR_PX ? nearest : null;
  }

  /**
   * @param {Target | null} target that is pointed at, null for none
   * @param {boolean} byHand whether a pointer does it: then it is seen where it leads
   */
  point(target, byHand = false) {
    if (target === this.pointed && !byHand) return;
    this.pointed = target;
    this.over.classList.toggle("leads", Boolean(target && target.timeMs !== null));
    this.parts.get(this.current)?.point(target);
    this.mark();
  }

  /** Mark what is pointed at, and say what it is. */
  mark() {
    const { pointed, plotted, tip } = this;
    const size = { width: plotted.clientWidth, height: plotted.clientHeight, ratio: window.devicePixelRatio || 1 };
    const plot = new Plot(this.over, size, this.look);
    const target = pointed && (this.targets.find(({ row, column }) => row === pointed.row && column === pointed.column) ?? null);
    setText(tip, target?.text ?? "");
    if (!target) return;
    if (this.charts[this.current]?.isAcross) {
      plot.scale({ left: 0, top: target.py, right: size.width, bottom: size.height - 34 }, [0, size.width], [0, 1]);
      plot.line([[target.px, 0], [target.px, 1]], { color: plot.look.text, width: 1 });
      return;
    }
    plot.dot(target.px, target.py, 7, { fill: "transparent", edge: plot.look.text });
    const isRight = target.px > size.width / 2;
    tip.style.left = isRight ? "" : `${Math.max(target.px + 14, 4)}px`;
    tip.style.right = isRight ? `${Math.max(size.width - target.px + 14, 4)}px` : "";
    tip.style.top = `${Math.min(Math.max(target.py - 14, 2), size.height - 60)}px`;
    tip.style.maxWidth = `${Math.max(isRight ? target.px - 20 : size.width - target.px - 20, 140)}px`;
  }

  /** @param {Target | null} target to go to */
  follow(target) {
    if (target && target.timeMs !== null) this.player.seek(target.timeMs);
  }

  /** @param {KeyboardEvent} event of a key, on the chart */
  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { pointed } = this;
    if (event.key === "Enter" || event.key === " ") this.follow(pointed);
    else if (event.key === "Escape" && pointed) this.point(null);
    else if (["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) this.point(this.step(event.key) ?? pointed);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * @param {string} key an arrow, Home or End
   * @returns {Target | undefined} what it leads to from what is pointed at
   */
  step(key) {
    const { pointed, targets } = this;
    const first = targets.filter(({ row }) => row === (this.chosen[0] ?? this.cars[0]?.number)).at(-1) ?? targets[0];
    const from = pointed ?? first;
    if (!pointed || !from) return from;
    const ofRow = targets.filter(({ row }) => row === from.row).sort((a, b) => a.column - b.column);
    const at = ofRow.findIndex(({ column }) => column === from.column);
    if (key === "Home") return ofRow[0];
    if (key === "End") return ofRow.at(-1);
    if (key === "ArrowLeft" || key === "ArrowRight") return ofRow[at + (key === "ArrowLeft" ? -1 : 1)];
    const away = (/** @type {Target} */ target) => Math.abs(target.column - from.column);
    /** @type {Map<string, Target>} */
    const others = new Map();
    for (const target of targets) {
      const known = others.get(target.row);
      if (target.row !== from.row && (!known || away(target) < away(known))) others.set(target.row, target);
    }
    const column = [from, ...others.values()].sort((a, b) => a.py - b.py || Number(a.row > b.row) - 0.5);
    return column[column.indexOf(from) + (key === "ArrowUp" ? -1 : 1)];
  }

  /** Give the chart away as a picture. */
  savePicture() {
    const chart = this.charts[this.current];
    const { event, year } = this.player.session.manifest;
    const title = `${event.name} ${year}, ${this.player.session.manifest.session.name}: ${chart.title.toLowerCase()}`;
    savePicture(title, chart.legend, this.look, (plot) => chart.draw(plot, this.scene())).catch((error) => this.player.report(error));
  }

  /** Give up on everything that is on its way. */
  dispose() {
    this.giveUp.abort();
    for (const part of this.parts.values()) part.dispose();
    this.current = "";
  }
}
