// What the first painted frame does without: details of the board, dialogs.

import { Details } from "./board_details.js";
import { lapText } from "./clock.js";
import { decodeContinuous } from "./decode.js";
import { byId, setText } from "./dom.js";
import { LapTimes } from "./lap_times.js";
import { Marshals } from "./marshals.js";
import { Moments } from "./moments.js";
import { Tools } from "./tools.js";
import { Video } from "./video.js";
import { weatherHistory } from "./weather_history.js";

/** @import { TrackMap } from "./draw.js" */
/** @import { Car } from "./moment.js" */
/** @import { Player } from "./player.js" */
/** @import { LapRow, ResultRow, Track, WeatherRow } from "./types.d.ts" */

/** @typedef {{ laps: LapRow[], results: ResultRow[], weather: WeatherRow[] }} Rows of documents of the session */

/** What comes to a replay after its first frame. */
export class More {
  /**
   * @param {Player} player of the session
   * @param {Rows} rows of its documents
   */
  constructor(player, { laps, results, weather }) {
    const { session, view } = player;
    this.player = player;
    this.results = results;
    this.rows = laps;
    byId("long-runs").hidden = session.isRace || session.parts.parts.length > 1;
    this.laps = new LapTimes(laps, session.parts);
    /** Whether the moment shown is after the end. */
    this.isOver = false;
    this.details = new Details(this.laps, {
      parts: session.parts, isRace: session.isRace, startMs: session.startMs, results,
      isRed: (timeMs) => view.timeline.runs.some(({ status, from, to }) => status === "5" && from <= timeMs && timeMs < to),
    });
    view.board.details = this.details;
    this.weather = weather;
    this.hasMinis = false;
    this.video = new Video(player);
    this.tools = new Tools(player, new Moments(session, laps, view.messages ?? []), this.video);
    this.marshals = view.track && view.map ? this.markTrack(view.track, view.map) : null;
  }

  /**
   * @param {Track} track as published
   * @param {TrackMap} map of it
   * @returns {Marshals} what is drawn on it besides the cars
   */
  markTrack(track, map) {
    const marshals = new Marshals(track, decodeContinuous(track.distance, track), map.track);
    map.drawBelow = (c) => marshals.draw(c, map);
    return marshals;
  }

  /**
   * @param {Car[]} cars at the moment
   * @param {number} timeMs the moment
   */
  show(cars, timeMs) {
    this.isOver = cars.some(({ state }) => state === "finished") && !cars.some(({ state }) => state === "running" || state === "pit");
    this.video.show(timeMs);
    this.marshals?.hear(this.player.view.said);
    this.showWeather(timeMs);
    if (!this.hasMinis && [1, 2, 3].some((sector) => this.player.view.board.columns.shown.has(`sector${sector}`))) this.readMinis();
    const note = byId("board-note");
    const text = this.player.session.isRace ? this.fastestText(timeMs) : this.idealText(timeMs);
    note.hidden = !text;
    setText(note, text);
  }

  /** Read mini-sectors, once, when somebody sees the sectors they belong to. */
  readMinis() {
    this.hasMinis = true;
    Promise.all([this.player.orNull(this.player.session.read("mini_sectors", { priority: "low" })), import("./mini_sectors.js")])
      .then(([minis, { MiniSectors }]) => {
        if (!minis) return;
        this.details.minis = new MiniSectors(minis.rows);
        this.player.render();
      }, (error) => this.player.report(error));
  }

  /** @param {number} timeMs the moment */
  showWeather(timeMs) {
    const { session, view } = this.player;
    const place = byId("weather-history");
    const id = `${session.key} ${Math.round(timeMs / 5000)} ${view.hiding.isOn}`;
    if (place.dataset.shown === id) return;
    place.dataset.shown = id;
    const drawing = weatherHistory(this.weather, { timeMs, knownMs: view.hiding.isOn ? timeMs : Infinity, durationMs: session.manifest.clock.duration_ms });
    place.replaceChildren(...(drawing ? [drawing] : []));
  }

  /**
   * @param {number} timeMs the moment
   * @returns {string} who has driven the fastest lap so far
   */
  fastestText(timeMs) {
    const best = this.laps.best(null, timeMs);
    return best ? `Fastest lap: ${this.codeOf(best.car)} ${lapText(best.ms)} (lap ${best.lap})` : "";
  }

  /**
   * @param {number} timeMs the moment
   * @returns {string} the best three sectors of the part so far, of whoever drove them
   */
  idealText(timeMs) {
    const { parts } = this.player.session;
    const index = Math.max(parts.indexAt(timeMs), 0);
    const ideal = this.laps.ideal(null, timeMs, index);
    if (!ideal) return "";
    const name = parts.parts.length > 1 ? ` of ${parts.parts[index]?.name}` : "";
    return `Ideal lap${name}: ${lapText(ideal.ms)} (${ideal.cars.map((car) => this.codeOf(car)).join(", ")})`;
  }

  /**
   * @param {string} car racing number
   * @returns {string} code of its driver
   */
  codeOf(car) {
    return this.player.session.manifest.drivers.find(({ number }) => number === car)?.code ?? car;
  }

  /**
   * @param {string} key that was pressed
   * @returns {boolean} whether it means something
   */
  press(key) {
    return this.tools.press(key);
  }

  /** Listen no more. */
  dispose() {
    this.video.dispose();
    byId("tools").replaceChildren();
    byId("weather-history").replaceChildren();
    delete byId("weather-history").dataset.shown;
  }

  /** @param {"columns" | "long-runs" | "classification" | "more"} what is asked for */
  async open(what) {
    try {
      const { session, view } = this.player;
      if (what === "more") this.tools.openAll();
      else if (what === "long-runs") (await import("./long_runs.js")).openLongRuns(this.rows, session.manifest.drivers, this.player.clock.timeMs);
      else if (what === "columns") (await import("./column_chooser.js")).chooseColumns(view.board);
      else (await import("./classification.js")).openClassification(this.results, session.manifest.drivers, { isRace: session.isRace, isOver: this.isOver });
    } catch (error) {
      this.player.report(error);
    }
  }
}

/**
 * Begin what the first frame did without.
 *
 * @param {Player} player of the session
 * @param {Rows} rows of its documents
 * @returns {More} it
 */
export function openMore(player, rows) {
  return new More(player, rows);
}
