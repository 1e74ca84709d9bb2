// The replay of one session: loads, keeps the clock, shows the moment.

import { Board } from "./board.js";
import { ChunkStore } from "./chunks.js";
import { Clock, hoursText } from "./clock.js";
import { Chunk } from "./decode.js";
import { byId, setClass, setText, teamColor } from "./dom.js";
import { TrackMap } from "./draw.js";
import { LoadError, readJson } from "./fetch.js";
import { Bests, carsAt } from "./moment.js";
import { CarPanel, showMessages, showQuality, showWeather } from "./panels.js";
import { STATUSES, Timeline } from "./timeline.js";

const RACES = new Set(["R", "S"]);
const THIN_FROM_RATE = 4;
const TABLE_EVERY_MS = 200;
const SETTLE_MS = 150;
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

export class Player {
  /** `onMoved(timeMs, selected)` after a seek, a pause and now and then; `onProblem` with an error to show. */
  constructor(sessionKey, { onMoved, onProblem }) {
    this.sessionKey = sessionKey;
    this.onMoved = onMoved;
    this.onProblem = onProblem;
    this.abort = new AbortController();
    this.documents = {};
    this.selected = null;
    this.tableAt = 0;
    this.frame = null;
    this.scrubbing = null;
  }

  read(key, more = {}) {
    return readJson(key, { signal: this.abort.signal, ...more });
  }

  /** Load the session and show the moment `timeMs` (null: the start of the race). Throws LoadError. */
  async open(timeMs, selected) {
    const folder = `v1/sessions/${this.sessionKey}/`;
    const latest = await this.readLatest(`${folder}latest.json`);
    this.manifest = await this.read(folder + latest.manifest);
    this.folder = `${folder}${this.manifest.revision}/`;
    const { clock, session } = this.manifest;
    this.race = RACES.has(session.code);
    this.startMs = clock.race_start_ms ?? 0;
    this.selected = selected;
    this.store = new ChunkStore(this.folder, this.manifest, {
      onLoad: () => this.render(),
      onProblem: (error) => this.stopFor(error),
    });
    const tickMs = 1000 / (this.store.fullFps ?? 1);
    this.clock = new Clock(clock.duration_ms, Math.max(clock.duration_ms - tickMs, 0));
    this.clock.seek(timeMs ?? this.startMs);
    this.clock.rate = Number(byId("rate").value);
    this.build();
    const track = this.readPart("track.json.gz", { priority: "high" });
    const laps = this.race ? null : this.readPart("laps.json.gz");
    this.want();
    await this.takeTrack(track);
    if (laps) this.bests = new Bests(await laps);
    this.ready = true;
    if (!this.manifest.objects.some((object) => object.kind === "frames")) {
      throw new LoadError("This session is published without frames, so that there is nothing to replay. What there is of it is linked under About the data.");
    }
    this.render();
    this.readRest().catch((error) => this.report(error));
  }

  async readLatest(key) {
    try {
      return await this.read(key);
    } catch (error) {
      if (error.status !== 404 && error.status !== 403) throw error;
      throw new LoadError(`Session ${this.sessionKey} is not published here (${error.status}). Choose another one from the list of sessions.`, error.status);
    }
  }

  has(path) {
    return this.manifest.objects.some((object) => object.path === path);
  }

  async readPart(path, more) {
    return this.has(path) ? this.read(this.folder + path, more) : null;
  }

  build() {
    const { manifest } = this;
    const title = `${manifest.event.name} ${manifest.year} · ${manifest.session.name}`;
    setText(byId("title"), title);
    document.title = `${title} · parcferme`;
    setText(byId("grade"), manifest.grade);
    byId("grade").hidden = false;
    byId("grade").className = `grade grade-${manifest.grade}`;
    byId("grade").title = "Grade of the data, A is best; see About the data";
    this.board = new Board(manifest, { race: this.race, onSelect: (number) => this.select(number) });
    this.carPanel = new CarPanel(manifest);
    this.timeline = new Timeline(this.clock.durationMs, this.startMs, (ms, settled) => this.scrub(ms, settled));
    this.bests = this.race ? null : new Bests(null);
    const known = manifest.drivers.some((driver) => driver.number === this.selected);
    if (!known) this.selected = null;
    showQuality(manifest, null, new URL(`../${this.folder}manifest.json`, import.meta.url).href);
  }

  async takeTrack(reading) {
    let track = null;
    try {
      track = await reading;
    } catch (error) {
      this.report(error);
    }
    const missing = byId("map-missing");
    this.map = track ? new TrackMap(byId("map")) : null;
    byId("session").classList.toggle("mapless", !track);
    byId("map").hidden = !track;
    missing.hidden = Boolean(track);
    this.map?.setTrack(track);
    const telemetry = this.manifest.capabilities.telemetry;
    setText(missing, telemetry
      ? "There is no outline of the track for this session, so that there is no map."
      : "This session has timing but no telemetry: no map, no speeds. The table is all there is.");
  }

  /** What the first frame does not need: the smallest first. */
  async readRest() {
    const names = ["quality", "results", "weather", "messages"];
    await Promise.all(names.map(async (name) => {
      this.documents[name] = await this.readPart(`${name}.json.gz`, { priority: "low" });
    }));
    this.carPanel.setResults(this.documents.results);
    showQuality(this.manifest, this.documents.quality, new URL(`../${this.folder}manifest.json`, import.meta.url).href);
    this.render();
    const overview = await this.readPart("overview.json.gz", { priority: "low" });
    if (!overview) return;
    this.store.overview = new Chunk(overview, this.manifest.frames.channels);
    this.timeline.setOverview(this.store.overview);
    document.body.dataset.complete = "1";
    this.render();
  }

  get fps() {
    const thin = this.clock.rate >= THIN_FROM_RATE || still.matches;
    return thin ? this.store.thinFps : this.store.fullFps;
  }

  want() {
    this.store.want(this.clock.timeMs, this.fps, true).catch((error) => this.report(error));
  }

  report(error) {
    if (error.name !== "AbortError") this.onProblem(error);
  }

  stopFor(error) {
    this.pause();
    this.report(error);
  }

  retry() {
    this.store?.retry();
    this.render();
    this.want();
  }

  select(number) {
    this.selected = this.selected === number ? null : number;
    this.render();
    this.onMoved(this.clock.timeMs, this.selected);
  }

  play() {
    this.clock.play();
    this.showPlaying();
    this.step = this.step ?? ((now) => this.onFrame(now));
    this.frame ??= requestAnimationFrame(this.step);
  }

  pause() {
    this.clock.pause();
    this.showPlaying();
    if (this.ready) this.onMoved(this.clock.timeMs, this.selected);
  }

  toggle() {
    if (this.clock.playing) this.pause();
    else this.play();
  }

  showPlaying() {
    const { playing } = this.clock;
    setText(byId("play"), playing ? "⏸" : "▶");
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    document.body.dataset.playing = String(playing);
  }

  setRate(rate) {
    this.clock.rate = rate;
    this.want();
    this.render();
  }

  seek(timeMs) {
    this.clock.seek(timeMs);
    this.want();
    this.render();
    this.onMoved(this.clock.timeMs, this.selected);
  }

  /** Follow the thumb with what is there, and load when it rests. */
  scrub(timeMs, settled) {
    clearTimeout(this.scrubbing);
    if (settled) return this.seek(timeMs);
    this.clock.seek(timeMs);
    this.scrubbing = setTimeout(() => this.want(), SETTLE_MS);
    this.render();
  }

  onFrame(now) {
    this.frame = null;
    const held = !this.store.covers(this.clock.timeMs);
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

  drawMoment(now) {
    const { timeMs } = this.clock;
    const chunk = this.store.at(timeMs, this.fps);
    byId("loading").hidden = this.store.covers(timeMs);
    this.timeline.show(timeMs);
    byId("session").classList.toggle("waiting", !chunk); // what is still on the screen is of another moment
    if (!chunk) return this.showTimes(null);
    const tick = chunk.tickAt(timeMs);
    const cars = carsAt(chunk, tick, this.manifest.drivers, timeMs, this.bests);
    this.map?.draw(this.dots(cars, chunk, tick));
    if (now - this.tableAt >= TABLE_EVERY_MS || this.tableAt === 0) {
      this.tableAt = now;
      this.showTables(cars, chunk, tick);
    }
    Object.assign(document.body.dataset, { tick: String(tick), t: String(Math.round(timeMs)), fps: String(chunk.fps) });
    if (!document.body.dataset.ready) {
      document.body.dataset.firstFrameMs = String(Math.round(performance.now()));
      document.body.dataset.ready = String(this.sessionKey);
    }
  }

  /** Cars that have a position, the selected one first. Between two ticks, both known, a dot is between both places. */
  dots(cars, chunk, tick) {
    const part = this.clock.playing && !still.matches ? (this.clock.timeMs - chunk.startMs) / chunk.stepMs - tick : 0;
    const follows = this.store.at(this.clock.timeMs + chunk.stepMs, chunk.fps);
    const next = follows?.fps === chunk.fps ? follows.tickAt(this.clock.timeMs + chunk.stepMs) : null;
    const between = (from, number, name) => {
      const to = part > 0 && next !== null ? follows.value(number, name, next) : null;
      return to === null ? from : from + (to - from) * Math.min(part, 1);
    };
    const placed = cars.filter((car) => car.x !== null).map((car) => ({
      number: car.number,
      code: car.driver.code,
      color: teamColor(car.driver),
      state: car.state,
      selected: car.number === this.selected,
      x: between(car.x, car.number, "x"),
      y: between(car.y, car.number, "y"),
    }));
    return placed.sort((a, b) => Number(b.selected) - Number(a.selected));
  }

  showTables(cars, chunk, tick) {
    const { timeMs } = this.clock;
    const { capabilities, drivers } = this.manifest;
    const leaderLap = chunk.leaderLap(tick);
    this.board.show(cars, this.selected);
    const driver = drivers.find((entry) => entry.number === this.selected) ?? cars[0]?.driver;
    if (driver) this.carPanel.show(driver, chunk, tick);
    this.showTimes(leaderLap);
    this.showFlag(chunk.trackStatus(tick));
    showWeather(this.documents.weather?.rows, timeMs, capabilities.weather);
    showMessages(this.documents.messages?.rows, timeMs, leaderLap, this.startMs, capabilities.messages);
    const placed = cars.filter((car) => car.x !== null).length;
    const label = `Track map: ${placed} of ${cars.length} cars have a position`;
    if (this.map) byId("map").setAttribute("aria-label", label);
  }

  showTimes(leaderLap) {
    const { timeMs } = this.clock;
    const total = this.manifest.total_laps;
    const before = timeMs < this.startMs;
    setText(byId("lap"), !this.race || leaderLap === null ? "" : leaderLap < 1 ? "Before the start" : `Lap ${leaderLap}${total ? ` / ${total}` : ""}`);
    setText(byId("time"), hoursText(timeMs - this.startMs));
    byId("time").title = before ? "Time to the start" : "Time since the start";
    const origin = this.manifest.clock.utc_origin;
    setText(byId("utc"), origin ? `${new Date(Date.parse(origin) + timeMs).toISOString().slice(11, 19)} UTC` : "time of day unknown");
  }

  showFlag(status) {
    const known = STATUSES[status];
    setText(byId("flag"), known ? known.text : status === null ? "Track status unknown" : `Track status ${status}`);
    setClass(byId("flag"), `flag flag-${known?.kind ?? "unknown"}`);
  }

  resize() {
    this.map?.resize();
    this.timeline?.paint();
    this.render();
  }

  dispose() {
    this.abort.abort();
    this.store?.dispose();
    clearTimeout(this.scrubbing);
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.frame = null;
    this.ready = false;
  }
}
