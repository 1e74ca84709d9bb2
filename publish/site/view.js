// Everything of a session that is seen: title, facts, map, table, panels, the bar of time.

import { Board } from "./board.js";
import { CarPanel } from "./car_panel.js";
import { hoursText } from "./clock.js";
import { decodeContinuous } from "./decode.js";
import { byId, setClass, setText, teamColor } from "./dom.js";
import { flattest, TrackMap } from "./draw.js";
import { BASE } from "./fetch.js";
import { Hiding } from "./spoilers.js";
import { STATUSES, Timeline } from "./timeline.js";

/** @import { Minute } from "./chunks.js" */
/** @import { Dot, Outline } from "./draw.js" */
/** @import { Car, Place } from "./moment.js" */
/** @import { Session } from "./session.js" */
/** @import { PlacedMessage } from "./panels.js" */
/** @import { Stage } from "./stage.js" */
/** @import { Documents, Track } from "./types.d.ts" */

/** The page of a session. */
export class View {
  /**
   * @param {Session} session to be shown
   * @param {object} heard what is called
   * @param {(number: string) => void} heard.onSelect when a car is chosen
   * @param {(timeMs: number, settled: boolean) => void} heard.onSeek when the thumb of the bar is moved
   * @param {() => void} heard.onToggle when the other of gap and interval is wanted
   */
  constructor(session, { onSelect, onSeek, onToggle }) {
    this.session = session;
    const { manifest } = session;
    this.board = new Board(manifest, { race: session.isRace, parts: session.parts, onSelect, onToggle });
    this.carPanel = new CarPanel(manifest);
    this.timeline = new Timeline(manifest.clock.duration_ms, session.startMs, onSeek);
    /** @type {TrackMap | null} */
    this.map = null;
    /** @type {Stage | null} */
    this.stage = null;
    /** Weather, race control and quality: what shows them comes after the first frame. @type {typeof import("./panels.js") | null} */
    this.panels = null;
    /** @type {Track | null} */
    this.track = null;
    /** @type {Documents["weather"] | null} */
    this.weather = null;
    /** @type {PlacedMessage[]} */
    this.messages = [];
    /** What race control has said until the moment shown. @type {PlacedMessage[]} */
    this.said = [];
    /** @type {Documents["quality"] | null} */
    this.quality = null;
    this.hiding = new Hiding(manifest, Date.now());
    byId("hide-ahead", HTMLInputElement).checked = this.hiding.isOn;
    byId("rough").hidden = true;
    this.name();
  }

  /** @param {boolean} isOn whether what is ahead is to be hidden */
  hide(isOn) {
    this.hiding.choose(isOn);
    this.carPanel.isAsked = false;
    byId("messages-apart", HTMLDetailsElement).open = !isOn;
    this.showQuality();
  }

  /** Say which session it is, and its grade. */
  name() {
    const { event, year, session, grade } = this.session.manifest;
    const title = `${event.name} ${year} · ${session.name}`;
    setText(byId("title"), title);
    document.title = `${title} · parcferme`;
    setText(byId("grade"), grade);
    byId("grade").hidden = false;
    byId("grade").className = `grade grade-${grade}`;
    byId("grade").title = "Grade of the data, A is best; see About the data";
  }

  /** @param {Track | null} track of the session, null where it has none */
  setTrack(track) {
    byId("session").classList.toggle("mapless", !track);
    byId("map").hidden = !track;
    byId("map-missing").hidden = Boolean(track);
    this.track = track;
    this.map = track ? new TrackMap(byId("map", HTMLCanvasElement), outlineOf(track)) : null;
    setText(byId("map-missing"), this.session.manifest.capabilities.telemetry
      ? "There is no outline of the track for this session, so that there is no map."
      : "This session has timing but no telemetry: no map, no speeds.");
  }

  /**
   * Show also what the first frame did without.
   *
   * @param {typeof import("./panels.js")} panels what shows it
   * @param {{ [Name in "quality" | "weather" | "messages"]: Documents[Name] | null }} read the documents, null where there is none
   */
  setPanels(panels, { quality, weather, messages }) {
    this.panels = panels;
    this.quality = quality;
    this.weather = weather;
    this.messages = panels.placeMessages(messages?.rows ?? [], this.session.manifest.clock.utc_origin);
    this.showQuality();
  }

  /** Say what the data is worth. */
  showQuality() {
    const address = new URL(`${this.session.folder}manifest.json`, BASE).href;
    this.panels?.showQuality(this.session.manifest, this.quality, address, this.hiding.isOn);
  }

  /**
   * Show where the session stands, for which the moment need not be loaded.
   *
   * @param {number} timeMs the moment
   * @param {number | null} leaderLap the lap the leader is on, null if it is not known
   */
  showTimes(timeMs, leaderLap) {
    const { manifest, isRace, startMs, parts } = this.session;
    const total = manifest.total_laps;
    const lap = leaderLap === null ? "" : leaderLap < 1 ? "Before the start" : `Lap ${leaderLap}${total ? ` / ${total}` : ""}`;
    setText(byId("lap"), isRace ? lap : parts.clockText(timeMs));
    setText(byId("time"), hoursText(timeMs - startMs));
    byId("time").title = timeMs < startMs ? "Time to the start" : "Time since the start";
    const origin = manifest.clock.utc_origin;
    setText(byId("utc"), origin ? `${new Date(Date.parse(origin) + timeMs).toISOString().slice(11, 19)} UTC` : "time of day unknown");
  }

  /**
   * Show what changes slowly enough to be read.
   *
   * @param {number} timeMs the moment
   * @param {Car[]} cars in order
   * @param {string | null} selected number of the selected car
   * @param {Minute} chunk that covers the moment
   * @param {number} tick of the chunk
   */
  showTables(timeMs, cars, selected, chunk, tick) {
    const { capabilities } = this.session.manifest;
    const { isOn: isHiding } = this.hiding;
    const leaderLap = chunk.leaderLap(tick);
    this.said = this.panels?.saidUntil(this.messages, timeMs, leaderLap) ?? [];
    this.board.show(cars, selected, timeMs, this.said);
    this.showCar(cars, selected, chunk, tick);
    this.showTimes(timeMs, leaderLap);
    this.timeline.reveal(isHiding ? timeMs : Infinity);
    showFlag(chunk.trackStatus(tick));
    byId("chequered").hidden = !cars.some(({ state }) => state === "finished");
    this.panels?.showWeather(this.weather?.rows, timeMs, capabilities.weather);
    this.panels?.showMessages(this.messages, timeMs, leaderLap, { startMs: this.session.startMs, isAvailable: capabilities.messages, isHiding });
    const placed = cars.filter((car) => car.x !== null).length;
    if (this.map) byId("map").setAttribute("aria-label", `Track map: ${placed} of ${cars.length} cars have a position`);
    this.stage?.show(timeMs, cars, selected);
  }

  /**
   * Show the selected car, else the one that leads.
   *
   * @param {Car[]} cars in order
   * @param {string | null} selected number of the selected car
   * @param {Minute} chunk that covers the moment
   * @param {number} tick of the chunk
   */
  showCar(cars, selected, chunk, tick) {
    const chosen = cars.find((car) => car.number === selected);
    const car = chosen ?? cars.find(({ position, best }) => position === 1 && (this.session.isRace || best !== null));
    if (car) this.carPanel.show(car, chunk, tick, { isChosen: Boolean(chosen), isHiding: this.hiding.isOn });
    else this.carPanel.showNone();
    const picked = byId("picked");
    const speed = chosen ? chunk.number(chosen.number, "speed", tick) : null;
    setClass(picked, chosen ? "picked" : "picked muted");
    setText(picked, chosen
      ? [chosen.driver.code, this.board.summary(chosen.number), ...(speed === null ? [] : [`${Math.round(speed)} km/h`])].join(" · ")
      : "Touch a car to see here how it stands");
    picked.style.borderColor = chosen ? teamColor(chosen.driver) : "transparent";
  }

  /** @param {boolean} playing whether time runs */
  showPlaying(playing) {
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    document.body.dataset.playing = String(playing);
  }

  /** Fit what is drawn to its place. */
  resize() {
    this.map?.resize();
    this.timeline.paint();
    this.stage?.resize();
  }
}

/**
 * Cars that have a position, the selected one first. Between two ticks, both known, a dot is between both places.
 *
 * @param {Place[]} cars at the tick
 * @param {string | null} selected number of the selected car
 * @param {number} part of the way to the next tick, 0 to 1
 * @param {{ chunk: Minute, tick: number } | null} next the next tick, null if it is not loaded
 * @returns {Dot[]} what to draw
 */
export function dotsOf(cars, selected, part, next) {
  /** @type {(from: number, number: string, name: string) => number} */
  const between = (from, number, name) => {
    const to = part > 0 && next ? next.chunk.number(number, name, next.tick) : null;
    return to === null ? from : from + (to - from) * Math.min(part, 1);
  };
  /** @type {Dot[]} */
  const dots = [];
  for (const { number, driver, state, x, y } of cars) {
    if (x === null || y === null) continue;
    dots.push({
      number, code: driver.code, color: teamColor(driver), state, selected: number === selected,
      x: between(x, number, "x"), y: between(y, number, "y"),
    });
  }
  return dots.sort((a, b) => Number(b.selected) - Number(a.selected));
}

/**
 * @param {Track} track as published
 * @returns {Outline} its outline in metres
 */
function outlineOf(track) {
  const [x, y] = [track.x, track.y].map((steps) => [...decodeContinuous(steps, track)]);
  return { x, y, rotation_deg: track.rotation_deg ?? flattest(x, y), corners: track.corners };
}

/** @param {string | null} status code of the track status */
function showFlag(status) {
  const known = status === null ? undefined : STATUSES[status];
  setText(byId("flag"), known ? known.text : status === null ? "Track status unknown" : `Track status ${status}`);
  setClass(byId("flag"), `flag flag-${known?.kind ?? "unknown"}`);
}
