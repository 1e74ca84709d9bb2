// The replay of one session: keeps the clock, loads what the moment needs, and has it shown.

import { ChunkStore } from "./chunks.js";
import { Clock } from "./clock.js";
import { byId } from "./dom.js";
import { isAbort, LoadError } from "./fetch.js";
import { Bests, carsAt, placesAt } from "./moment.js";
import { dotsOf, View } from "./view.js";

/** @import { Minute } from "./chunks.js" */
/** @import { Place } from "./moment.js" */
/** @import { More } from "./more.js" */
/** @import { Session } from "./session.js" */
/** @import { Documents } from "./types.d.ts" */

const TABLE_EVERY_MS = 200;
const SETTLE_MS = 150;
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

/** The replay of a session. */
export class Player {
  /**
   * @param {Session} session to be replayed
   * @param {object} begin where to begin
   * @param {number | null} begin.timeMs the moment, null for the start of the race
   * @param {string | null} begin.selected number of the selected car
   * @param {object} heard what is called
   * @param {(timeMs: number, selected: string | null) => void} heard.onMoved after a seek, a pause, a choice
   * @param {(error: unknown) => void} heard.onProblem with an error to show
   * @param {() => void} heard.onSolved when what was missing is there
   */
  constructor(session, { timeMs, selected }, { onMoved, onProblem, onSolved }) {
    const { manifest } = session;
    this.session = session;
    this.onMoved = onMoved;
    this.onProblem = onProblem;
    this.onSolved = onSolved;
    this.store = new ChunkStore(session.folder, manifest, {
      onLoad: () => this.onLoad(),
      onFail: () => this.render(),
      onRetry: () => this.want(),
    });
    const tickMs = 1000 / Math.max(...manifest.frames.fps);
    const { duration_ms: durationMs } = manifest.clock;
    this.clock = new Clock(durationMs, Math.max(durationMs - tickMs, 0));
    this.clock.seek(timeMs ?? session.startMs);
    this.clock.rate = Number(byId("rate", HTMLSelectElement).value);
    // What the first moment needs is on its way while the page is built.
    this.track = session.read("track", { priority: "high" });
    /** @type {Promise<Documents["laps"] | null> | null} */
    this.laps = session.isRace ? null : this.orNull(session.read("laps"));
    this.want();
    this.view = new View(session, {
      onSelect: (number) => this.select(number),
      onSeek: (ms, settled) => this.scrub(ms, settled),
      onToggle: () => this.toggleGap(),
    });
    /** @type {Bests | null} */
    this.bests = session.isRace ? null : new Bests(null, session.parts);
    /** @type {string | null} */
    this.selected = manifest.drivers.some((driver) => driver.number === selected) ? selected : null;
    this.ready = false;
    /** Whether somebody was told that the moment cannot be shown. */
    this.isTold = false;
    /** @type {Promise<void> | null} */
    this.rest = null;
    /** Whether everything but the frames has been read. */
    this.isComplete = false;
    /** What comes after the first frame: details of the board, dialogs, tools. @type {More | null} */
    this.more = null;
    this.tableAt = 0;
    /** Drivers in the order of the table, which says whose codes are written first. */
    this.order = manifest.drivers;
    /** @type {number | null} */
    this.frame = null;
    /** @type {number | undefined} */
    this.scrubbing = undefined;
    /** @param {number} now the moment of the screen's clock */
    this.step = (now) => this.onFrame(now);
  }

  /** Show the first moment when what it needs has come. Throws LoadError. */
  async open() {
    this.view.setTrack(await this.orNull(this.track));
    if (this.laps) this.bests = new Bests(await this.laps, this.session.parts);
    this.ready = true;
    if (!this.session.hasFrames) {
      throw new LoadError("This session is published without frames, so that there is nothing to replay. What there is of it is linked under About the data.");
    }
    this.onLoad();
  }

  /**
   * @template Document
   * @param {Promise<Document>} reading of a document the replay can do without
   * @returns {Promise<Document | null>} null if it cannot be had; then that is told
   */
  async orNull(reading) {
    try {
      return await reading;
    } catch (error) {
      if (isAbort(error)) throw error;
      this.report(error);
      return null;
    }
  }

  /** Read once what the first frame does not need, when that is drawn or cannot be had. */
  begin() {
    if (!this.store.hasShown) {
      this.store.hasShown = true;
      this.want();
    }
    this.rest ??= this.beginRest().catch((error) => this.report(error));
  }

  /** What the first frame does not need: documents, then the tabs of the charts. */
  async beginRest() {
    await this.readRest();
    if (!this.view.stage) await this.openStage();
    this.isComplete = true;
    this.onLoad();
  }

  /** Offer the charts in the place of the map. */
  async openStage() {
    const { Stage } = await import("./stage.js");
    if (!this.ready || this.view.stage) return;
    this.view.stage = new Stage(this);
    this.render();
    await this.view.stage.begin();
  }

  /** The documents that the first frame does not need. */
  async readRest() {
    const { session, view } = this;
    /** @type {RequestInit} */
    const low = { priority: "low" };
    this.laps ??= this.orNull(session.read("laps", low));
    const [quality, results, weather, messages, laps, more, panels] = await Promise.all([
      this.orNull(session.read("quality", low)),
      this.orNull(session.read("results", low)),
      this.orNull(session.read("weather", low)),
      this.orNull(session.read("messages", low)),
      this.laps,
      import("./more.js"),
      import("./panels.js"),
    ]);
    view.carPanel.setResults(results);
    view.setPanels(panels, { quality, weather, messages });
    this.more = more.openMore(this, { laps: laps?.rows ?? [], results: results?.rows ?? [], weather: weather?.rows ?? [] });
    this.render();
  }

  /** Show what has come. */
  onLoad() {
    const { overview } = this.store;
    if (overview) this.view.timeline.setOverview(overview);
    if (this.isComplete && (overview || !this.store.overviewId().length)) document.body.dataset.complete = "1";
    this.render();
  }

  /** Load what the moment needs. */
  want() {
    this.store.want(this.clock.timeMs).catch((error) => this.report(error));
  }

  /** @param {unknown} error to be told, if it is anybody's problem */
  report(error) {
    if (!isAbort(error)) this.onProblem(error);
  }

  /** Try again what could not be had. */
  retry() {
    this.store.retry();
    this.render();
    this.want();
    this.view.stage?.again();
    this.beginRest().catch((error) => this.report(error));
  }

  /** @param {boolean} isOn whether what is ahead is to be hidden */
  hide(isOn) {
    this.view.hide(isOn);
    this.render();
  }

  /** @param {string} number of the car to select, or to let go if it is the selected one */
  select(number) {
    this.selected = this.selected === number ? null : number;
    this.render();
    this.onMoved(this.clock.timeMs, this.selected);
  }

  /** Let time run. */
  play() {
    this.clock.play();
    this.view.showPlaying(true);
    this.frame ??= requestAnimationFrame(this.step);
  }

  /** Let time stand still. */
  pause() {
    this.clock.pause();
    this.view.showPlaying(false);
    if (this.ready) this.onMoved(this.clock.timeMs, this.selected);
  }

  /** Play, or pause. */
  toggle() {
    if (this.clock.playing) this.pause();
    else this.play();
  }

  /** Switch between the gap to the leader and to the car ahead. */
  toggleGap() {
    this.view.board.toggleGap();
    this.render();
  }

  /** @param {number} rate how fast time runs */
  setRate(rate) {
    this.clock.rate = rate;
    this.render();
  }

  /** @param {number} timeMs where to go */
  seek(timeMs) {
    this.clock.seek(timeMs);
    this.want();
    this.render();
    this.onMoved(this.clock.timeMs, this.selected);
  }

  /**
   * Follow the thumb with what is there, and load when it rests.
   *
   * @param {number} timeMs where it is
   * @param {boolean} settled whether it was let go
   */
  scrub(timeMs, settled) {
    clearTimeout(this.scrubbing);
    if (settled) {
      this.seek(timeMs);
      return;
    }
    this.clock.seek(timeMs);
    this.scrubbing = setTimeout(() => this.want(), SETTLE_MS);
    this.render();
  }

  /** @param {number} now the moment of the screen's clock */
  onFrame(now) {
    this.frame = null;
    const held = ["coming", "cut off"].includes(this.store.cover(this.clock.timeMs));
    const before = Math.floor(this.clock.timeMs / this.store.chunkMs);
    this.clock.advance(now, held);
    if (Math.floor(this.clock.timeMs / this.store.chunkMs) !== before || held) this.want();
    this.drawMoment(now);
    if (this.clock.playing) this.frame = requestAnimationFrame(this.step);
    else this.pause();
  }

  /** Show the present moment at once. */
  render() {
    if (!this.ready) return;
    this.tableAt = 0;
    this.drawMoment(performance.now());
  }

  /** @param {number} now the moment of the screen's clock */
  drawMoment(now) {
    const { timeMs } = this.clock;
    const chunk = this.store.at(timeMs);
    this.showCover(timeMs);
    this.view.timeline.show(timeMs);
    byId("session").classList.toggle("waiting", !chunk); // what is still on the screen is of another moment
    if (!chunk) {
      this.view.showTimes(timeMs, null);
      if (this.store.cover(timeMs) !== "coming") this.begin();
      return;
    }
    const tick = chunk.tickAt(timeMs);
    if (now - this.tableAt < TABLE_EVERY_MS && this.tableAt !== 0) this.drawMap(placesAt(chunk, tick, this.order), chunk, tick);
    else {
      const cars = carsAt(chunk, tick, this.session.manifest.drivers, timeMs, this.bests);
      this.order = cars.map(({ driver }) => driver);
      this.tableAt = now;
      this.drawMap(cars, chunk, tick);
      this.view.showTables(timeMs, cars, this.selected, chunk, tick);
      this.more?.show(cars, timeMs);
    }
    Object.assign(document.body.dataset, { tick: String(tick), t: String(Math.round(timeMs)), fps: String(chunk.fps) });
    if (!document.body.dataset.ready) {
      document.body.dataset.firstFrameMs = String(Math.round(performance.now()));
      document.body.dataset.ready = String(this.session.key);
    }
    this.begin();
  }

  /** @param {number} timeMs the moment, of which it is said how it can be shown */
  showCover(timeMs) {
    const cover = this.store.cover(timeMs);
    byId("loading").hidden = cover !== "coming";
    byId("rough").hidden = cover !== "rough";
    const isLost = cover === "cut off" || cover === "gone";
    if (isLost === this.isTold) return;
    this.isTold = isLost;
    if (isLost) this.report(this.store.problemAt(timeMs) ?? new LoadError("Nothing is published of this moment."));
    else this.onSolved();
  }

  /**
   * @param {Place[]} cars at the tick
   * @param {Minute} chunk that covers the moment
   * @param {number} tick of the chunk
   */
  drawMap(cars, chunk, tick) {
    const { timeMs, playing } = this.clock;
    const part = playing && !still.matches ? (timeMs - chunk.startMs) / chunk.stepMs - tick : 0;
    const follows = part > 0 ? this.store.at(timeMs + chunk.stepMs) : null;
    const next = follows?.fps === chunk.fps ? { chunk: follows, tick: follows.tickAt(timeMs + chunk.stepMs) } : null;
    this.view.map?.draw(dotsOf(cars, this.selected, part, next));
  }

  /** Fit what is drawn to its place. */
  resize() {
    this.view.resize();
    this.render();
  }

  /** Give up on everything that is on its way, and draw no more. */
  dispose() {
    this.view.stage?.dispose();
    this.store.dispose();
    this.more?.dispose();
    clearTimeout(this.scrubbing);
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.frame = null;
    this.ready = false;
  }
}
