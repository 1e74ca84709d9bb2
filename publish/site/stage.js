// What the place of the map shows: the map, or one of the charts, which are loaded when the first is asked for.

import { addressPart, keepInAddress } from "./address.js";
import { byId, element } from "./dom.js";
import { MapView } from "./map_view.js";

/** @import { Charts } from "./charts.js" */
/** @import { Car } from "./moment.js" */
/** @import { Player } from "./player.js" */

/** @typedef {{ id: string, label: string, timed?: string, needs?: "track" | "race" | "telemetry" }} Tab what can be chosen, and of which sessions; `timed` is its label where cars do not race */

/** @type {Tab[]} */
const TABS = [
  { id: "map", label: "Map", needs: "track" },
  { id: "places", label: "Lap chart", timed: "Places" },
  { id: "gaps", label: "Gaps", needs: "race" },
  { id: "stints", label: "Tyres" },
  { id: "times", label: "Lap times" },
  { id: "traces", label: "Traces", needs: "telemetry" },
  { id: "duel", label: "Head to head" },
];

/** The tabs above the map, and what they lead to. */
export class Stage {
  /** @param {Player} player of the session; its track has been read */
  constructor(player) {
    this.player = player;
    this.place = document.querySelector("section.map") ?? byId("session");
    const { session, view } = player;
    const has = { track: view.map !== null, race: session.isRace, telemetry: Boolean(session.manifest.capabilities.telemetry) };
    /** @type {Map<string, HTMLButtonElement>} */
    this.tabs = new Map();
    this.list = element("div", { class: "tabs", role: "tablist", "aria-label": "Map and charts" });
    this.pane = element("div", { class: "pane", role: "tabpanel", id: "pane", hidden: true });
    for (const { id, label, timed, needs } of TABS) if (!needs || has[needs]) this.add(id, has.race ? label : timed ?? label);
    /** @type {Charts | null} */
    this.charts = null;
    /** @type {[number, Car[], string | null] | null} */
    this.shown = null;
    this.view = view.map && new MapView(view.map, () => this.shown?.[1][0]?.number ?? null);
    this.list.addEventListener("keydown", (event) => this.onKey(event));
    this.style = element("link", { rel: "stylesheet", href: new URL("charts.css", import.meta.url).href });
    this.current = "";
    this.heard = new AbortController();
  }

  /** Take the place of the map, when the style is there: a session without a map begins with its first chart. */
  async begin() {
    await new Promise((resolve) => {
      this.style.onload = this.style.onerror = resolve;
      document.head.append(this.style);
    });
    if (!this.player.ready) return;
    this.place.append(this.list, ...(this.view ? [this.view.group] : []), this.pane);
    this.place.classList.add("tabbed");
    byId("session").classList.add("charted");
    const wanted = addressPart("view") ?? "";
    this.open(this.tabs.has(wanted) ? wanted : this.first);
    window.addEventListener("hashchange", () => this.open(addressPart("view") ?? ""), { signal: this.heard.signal });
  }

  /** @returns {string} the tab that is shown if none is asked for */
  get first() {
    return [...this.tabs.keys()][0];
  }

  /**
   * @param {string} id of a tab
   * @param {string} label of it
   */
  add(id, label) {
    const of = id === "map" ? "map" : this.pane.id;
    const tab = element("button", { type: "button", role: "tab", id: `tab-${id}`, class: "tab", "aria-controls": of, "aria-selected": "false", tabIndex: -1 }, label);
    tab.addEventListener("click", () => this.open(id));
    this.tabs.set(id, tab);
    this.list.append(tab);
  }

  /** @param {string} id of the tab to show; one that this session has not is left alone */
  open(id) {
    if (!this.tabs.has(id) || this.current === id) return;
    this.current = id;
    for (const [other, tab] of this.tabs) {
      tab.setAttribute("aria-selected", String(other === id));
      tab.tabIndex = other === id ? 0 : -1;
    }
    this.tabs.get(id)?.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.pane.hidden = id === "map";
    this.pane.setAttribute("aria-labelledby", `tab-${id}`);
    this.place.classList.toggle("staged", id !== "map");
    document.body.dataset.stage = id;
    keepInAddress("view", id === this.first ? "" : id);
    if (id === "map") {
      this.charts?.close();
      this.player.resize();
    } else this.again();
  }

  /** Show the chosen chart, or try to once more. */
  again() {
    if (this.current && this.current !== "map") this.chart(this.current).catch((error) => this.player.report(error));
  }

  /** @param {string} id of the chart to show */
  async chart(id) {
    const { Charts } = await import("./charts.js");
    if (!this.player.ready || this.current !== id) return;
    this.charts ??= new Charts(this.player, this.pane, (other) => this.open(other));
    if (this.shown) this.charts.take(...this.shown);
    await this.charts.open(id);
  }

  /**
   * Show the present moment.
   *
   * @param {number} timeMs the moment
   * @param {Car[]} cars in order
   * @param {string | null} selected number of the selected car
   */
  show(timeMs, cars, selected) {
    this.shown = [timeMs, cars, selected];
    if (this.view) this.view.selected = selected;
    this.charts?.take(timeMs, cars, selected);
    this.charts?.refresh();
  }

  /** Fit what is drawn to its place. */
  resize() {
    this.charts?.draw();
  }

  /** @param {KeyboardEvent} event of a key, on a tab: arrows, Home and End choose another one */
  onKey(event) {
    const ids = [...this.tabs.keys()];
    const at = ids.indexOf(this.current);
    /** @type {Record<string, number>} */
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: ids.length - 1 };
    if (!(event.key in to)) return;
    event.preventDefault();
    event.stopPropagation();
    const id = ids[(to[event.key] + ids.length) % ids.length];
    this.open(id);
    this.tabs.get(id)?.focus();
  }

  /** Leave the map as it was. */
  dispose() {
    this.heard.abort();
    this.charts?.dispose();
    this.view?.dispose();
    for (const part of [this.list, this.pane, this.style]) part.remove();
    this.place.classList.remove("tabbed", "staged");
    byId("session").classList.remove("charted");
    delete document.body.dataset.stage;
    delete document.body.dataset.chart;
  }
}
