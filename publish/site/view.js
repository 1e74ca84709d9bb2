// Everything of a session that is seen: title, facts, map, table, panels, the bar of time.

import { Board } from "./board.js";
import { hoursText } from "./clock.js";
import { byId, setClass, setText, teamColor } from "./dom.js";
import { TrackMap } from "./draw.js";
import { BASE } from "./fetch.js";
import { CarPanel, showMessages, showQuality, showWeather } from "./panels.js";
import { STATUSES, Timeline } from "./timeline.js";

/** @import { Chunk } from "./decode.js" */
/** @import { Dot } from "./draw.js" */
/** @import { Car } from "./moment.js" */
/** @import { Session } from "./session.js" */
/** @import { Documents, Track } from "./types.d.ts" */

/** The page of a session. */
export class View {
  /**
   * @param {Session} session to be shown
   * @param {object} heard what is called
   * @param {(number: string) => void} heard.onSelect when a car is chosen
   * @param {(timeMs: number, settled: boolean) => void} heard.onSeek when the thumb of the bar is moved
   */
  constructor(session, { onSelect, onSeek }) {
    this.session = session;
    const { manifest } = session;
    this.board = new Board(manifest, { race: session.isRace, onSelect });
    this.carPanel = new CarPanel(manifest);
    this.timeline = new Timeline(manifest.clock.duration_ms, session.startMs, onSeek);
    /** @type {TrackMap | null} */
    this.map = null;
    /** @type {Pick<Partial<Documents>, "messages" | "weather">} */
    this.documents = {};
    this.name();
    this.setQuality(null);
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
    this.map = track ? new TrackMap(byId("map", HTMLCanvasElement), track) : null;
    setText(byId("map-missing"), this.session.manifest.capabilities.telemetry
      ? "There is no outline of the track for this session, so that there is no map."
      : "This session has timing but no telemetry: no map, no speeds. The table is all there is.");
  }

  /** @param {Documents["quality"] | null} quality the document, null until it is there */
  setQuality(quality) {
    showQuality(this.session.manifest, quality, new URL(`${this.session.folder}manifest.json`, BASE).href);
  }

  /**
   * Show where the session stands, for which the moment need not be loaded.
   *
   * @param {number} timeMs the moment
   * @param {number | null} leaderLap the lap the leader is on, null if it is not known
   */
  showTimes(timeMs, leaderLap) {
    const { manifest, isRace, startMs } = this.session;
    const total = manifest.total_laps;
    const lap = leaderLap === null ? "" : leaderLap < 1 ? "Before the start" : `Lap ${leaderLap}${total ? ` / ${total}` : ""}`;
    setText(byId("lap"), isRace ? lap : "");
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
   * @param {Chunk} chunk that covers the moment
   * @param {number} tick of the chunk
   */
  showTables(timeMs, cars, selected, chunk, tick) {
    const { capabilities, drivers } = this.session.manifest;
    const leaderLap = chunk.leaderLap(tick);
    this.board.show(cars, selected);
    const driver = drivers.find((entry) => entry.number === selected) ?? cars[0]?.driver;
    if (driver) this.carPanel.show(driver, chunk, tick);
    this.showTimes(timeMs, leaderLap);
    showFlag(chunk.trackStatus(tick));
    showWeather(this.documents.weather?.rows, timeMs, capabilities.weather);
    showMessages(this.documents.messages?.rows, timeMs, leaderLap, this.session.startMs, capabilities.messages);
    const placed = cars.filter((car) => car.x !== null).length;
    if (this.map) byId("map").setAttribute("aria-label", `Track map: ${placed} of ${cars.length} cars have a position`);
  }

  /** @param {boolean} playing whether time runs */
  showPlaying(playing) {
    setText(byId("play"), playing ? "⏸" : "▶");
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    document.body.dataset.playing = String(playing);
  }

  /** Fit what is drawn to its place. */
  resize() {
    this.map?.resize();
    this.timeline.paint();
  }
}

/**
 * Cars that have a position, the selected one first. Between two ticks, both known, a dot is between both places.
 *
 * @param {Car[]} cars at the tick
 * @param {string | null} selected number of the selected car
 * @param {number} part of the way to the next tick, 0 to 1
 * @param {{ chunk: Chunk, tick: number } | null} next the next tick, null if it is not loaded
 * @returns {Dot[]} what to draw
 */
export function dotsOf(cars, selected, part, next) {
  /** @type {(from: number, number: string, name: string) => number} */
  const between = (from, number, name) => {
    const to = part > 0 && next ? next.chunk.number(number, name, next.tick) : null;
    return to === null ? from : from + (to - from) * Math.min(part, 1);
  };
  const dots = cars.flatMap(({ number, driver, state, x, y }) => {
    if (x === null || y === null) return [];
    const place = { x: between(x, number, "x"), y: between(y, number, "y") };
    return [{ number, code: driver.code, color: teamColor(driver), state, selected: number === selected, ...place }];
  });
  return dots.sort((a, b) => Number(b.selected) - Number(a.selected));
}

/** @param {string | null} status code of the track status */
function showFlag(status) {
  const known = status === null ? undefined : STATUSES[status];
  setText(byId("flag"), known ? known.text : status === null ? "Track status unknown" : `Track status ${status}`);
  setClass(byId("flag"), `flag flag-${known?.kind ?? "unknown"}`);
}
