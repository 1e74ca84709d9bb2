// A reader of everything that parcferme publishes, for browsers and Node: seasons, sessions, any moment of them.

import { Chunk } from "./decode.js";
import { Library, LoadError } from "./documents.js";
import { happeningsOf } from "./happenings.js";
import { SampleChunk } from "./samples.js";
import { framesProblem, samplesProblem } from "./shapes.js";

/** @import { Documents, Driver, LapRow, Manifest, MessageRow, Season, SeasonEvent, SeasonSession } from "./types.d.ts" */
/** @import { Ask } from "./documents.js" */
/** @import { Happening } from "./happenings.js" */

/** @typedef {{ signal?: AbortSignal | undefined }} Options `signal` ends the waiting; what others wait for goes on */

/**
 * A car at a moment. Every channel of the manifest is there under its name, in its unit; null is what is not known.
 *
 * @typedef {object} Car
 * @property {string} number racing number
 * @property {Driver} driver who drives it
 * @property {Record<string, number | string | null>} channels every channel, `lap_distance` too
 */

/**
 * A session at a moment.
 *
 * @typedef {object} Moment
 * @property {number} timeMs since the beginning of the session's clock
 * @property {string | null} trackStatus code of the track status
 * @property {number | null} leaderLap lap the leader is on
 * @property {Car[]} cars by position; those without one last, by number
 * @property {boolean} isInterpolated from samples, at the very moment; else from the frame before it
 */

/**
 * Channels of one car at moments one after the other; null is what is not known.
 *
 * @typedef {object} Trace
 * @property {number[]} timesMs the moments
 * @property {Record<string, (number | string | null)[]>} channels by name, a value for each moment
 */

const KEPT_MINUTES = 6; // a minute of 20 cars is some 2 MB in memory
const ROW_MS = 40; // the older rows are 25 a second
const TYRES = ["", "SOFT", "MEDIUM", "HARD", "INTERMEDIATE", "WET"];

/** A revision of a session. Times are milliseconds of its own clock, which begins at 0. */
export class Session {
  /**
   * @param {Library} library of the site
   * @param {Manifest} manifest of the revision
   * @param {string} folder key of the revision's folder
   */
  constructor(library, manifest, folder) {
    this.library = library;
    this.manifest = manifest;
    this.folder = folder;
    this.key = manifest.session_key;
    this.drivers = manifest.drivers;
    this.durationMs = manifest.clock.duration_ms;
    /** Lights out of a race, null elsewhere. */
    this.startMs = manifest.clock.race_start_ms;
    /** Names of what every car has at a moment. */
    this.channels = [...Object.keys(manifest.samples.channels), "lap_distance"];
    /** @type {Map<number, Promise<Chunk | SampleChunk>>} */
    this.minutes = new Map();
  }

  /**
   * Every car at a moment, interpolated as the manifest declares. Throws LoadError.
   *
   * @param {number} timeMs the moment
   * @param {Options} options of the waiting
   * @returns {Promise<Moment>} the session then
   */
  async at(timeMs, options = {}) {
    const minute = await waiting(this.minuteAt(timeMs), options.signal);
    return this.momentIn(minute, timeMs);
  }

  /**
   * Have what is needed from one moment to another, so that `at` answers at once; as much as is kept in memory.
   *
   * @param {number} fromMs the first moment
   * @param {number} toMs the last
   * @param {Options} options of the waiting
   */
  async prefetch(fromMs, toMs, options = {}) {
    const length = this.manifest.samples.chunk_ms;
    const last = Math.min(Math.floor(toMs / length), Math.floor(fromMs / length) + KEPT_MINUTES - 1);
    const wanted = [];
    for (let index = Math.floor(fromMs / length); index <= last; index++) wanted.push(this.minuteAt(index * length));
    await waiting(Promise.all(wanted), options.signal);
  }

  /**
   * What one car did from one moment to another, at even steps and at the end: a lap, for example. Throws LoadError.
   *
   * @param {string} car racing number
   * @param {number} fromMs the first moment
   * @param {number} toMs the last
   * @param {{ channels?: string[], stepMs?: number, signal?: AbortSignal | undefined }} options `channels` that are
   *   wanted, else all; `stepMs` between two moments; `signal` ends the waiting
   * @returns {Promise<Trace>} the channels, interpolated as the manifest declares
   */
  async trace(car, fromMs, toMs, { channels = this.channels, stepMs = 100, signal } = {}) {
    const steps = Math.max(Math.ceil((toMs - fromMs) / stepMs), 0);
    const timesMs = Array.from({ length: steps + 1 }, (_, i) => (i < steps ? fromMs + i * stepMs : Math.max(toMs, fromMs)));
    await this.prefetch(fromMs, toMs, { signal });
    /** @type {Trace} */
    const trace = { timesMs, channels: Object.fromEntries(channels.map((name) => [name, []])) };
    const indexOf = (/** @type {number} */ timeMs) => Math.floor(timeMs / this.manifest.samples.chunk_ms);
    let [index, minute] = [indexOf(fromMs), await waiting(this.minuteAt(fromMs), signal)];
    for (const timeMs of timesMs) {
      if (indexOf(timeMs) !== index) [index, minute] = [indexOf(timeMs), await waiting(this.minuteAt(timeMs), signal)];
      const valueOf = valuesIn(minute, timeMs);
      for (const name of channels) trace.channels[name].push(valueOf(car, name));
    }
    return trace;
  }

  /**
   * One of the session's documents: laps, results, messages, weather, track, quality. Throws LoadError.
   *
   * @template {keyof Documents} Name
   * @param {Name} name of the document
   * @param {Options} options of the waiting
   * @returns {Promise<Documents[Name] | null>} the document, null where the session has none
   */
  read(name, options = {}) {
    const path = `${name}.json.gz`;
    if (!this.manifest.objects.some((object) => object.path === path)) return Promise.resolve(null);
    return this.library.readDocument(name, this.folder + path, requestOf(options));
  }

  /**
   * @param {Options} options of the waiting
   * @returns {Promise<LapRow[]>} every lap of every car
   */
  async laps(options = {}) {
    return (await this.read("laps", options))?.rows ?? [];
  }

  /**
   * @param {Options} options of the waiting
   * @returns {Promise<MessageRow[]>} what race control said
   */
  async messages(options = {}) {
    return (await this.read("messages", options))?.rows ?? [];
  }

  /**
   * Flags, visits to the pit lane, and places won or lost at the line, in the order of time.
   *
   * @param {Options} options of the waiting
   * @returns {Promise<Happening[]>} what happened
   */
  async events(options = {}) {
    const [laps, messages] = await Promise.all([this.laps(options), this.messages(options)]);
    const isRace = Boolean(this.manifest.capabilities.order);
    return happeningsOf(laps, messages, isRace);
  }

  /**
   * Frames of a race in the older row format, one at a time and from samples: the whole is 340 MB of JSON.
   *
   * @param {{ skip?: number, signal?: AbortSignal }} options every `skip`-th of 25 frames a second (1 to 10)
   * @yields {{ t: number, lap: number | null, drivers: Record<string, Record<string, number>> }} a frame
   */
  async *rows({ skip = 1, signal } = {}) {
    const start = this.startMs;
    if (start === null) throw new LoadError("Rows are of races and sprints; this session has no start.");
    const first = (await this.at(start, { signal })).cars;
    const origins = new Map(first.map(({ number, channels }) => [number, numberOr(channels.distance, 0)]));
    for (let timeMs = start, frame = 0; timeMs < this.durationMs; timeMs += ROW_MS, frame++) {
      if (frame % skip) continue;
      const moment = await this.at(timeMs, { signal });
      const drivers = moment.cars.map((car) => [car.driver.code, this.row(car, origins.get(car.number) ?? 0)]);
      yield { t: frame / 25, lap: moment.leaderLap, drivers: Object.fromEntries(drivers) };
    }
  }

  /**
   * @param {Car} car at a moment
   * @param {number} origin metres at the start
   * @returns {Record<string, number>} the same in the older format
   */
  row({ channels }, origin) {
    const [distance, lap] = [numberOr(channels.distance, origin), numberOr(channels.lap, 0)];
    const part = this.manifest.samples.lap_length_m ? distance / this.manifest.samples.lap_length_m - Math.max(lap - 1, 0) : 0;
    return {
      x: rounded(numberOr(channels.x, 0) * 10), y: rounded(numberOr(channels.y, 0) * 10),
      dist: rounded(distance - origin), rel_dist: rounded(Math.min(Math.max(part, 0), 1)), lap,
      tyre: Math.max(TYRES.indexOf(String(channels.tyre)), 0), position: numberOr(channels.position, 0),
      speed: Math.round(numberOr(channels.speed, -1)), gear: numberOr(channels.gear, -1), drs: numberOr(channels.drs, -1),
    };
  }

  /**
   * @param {number} timeMs a moment
   * @returns {Promise<Chunk | SampleChunk>} the minute it lies in; the same for all who ask while it is kept
   */
  minuteAt(timeMs) {
    const length = this.manifest.samples.chunk_ms;
    const count = Math.max(...["samples", "frames"].map((tier) => this.filesOf(tier).length));
    if (!count) return Promise.reject(new LoadError("This session has no frames: it was published with timing alone."));
    const index = Math.min(Math.max(Math.floor(timeMs / length), 0), count - 1);
    const kept = this.minutes.get(index) ?? this.readMinute(index);
    this.minutes.delete(index);
    this.minutes.set(index, kept); // the least recently asked for goes first
    kept.catch(() => this.minutes.delete(index));
    for (const old of this.minutes.keys()) {
      if (this.minutes.size <= KEPT_MINUTES) break;
      this.minutes.delete(old);
    }
    return kept;
  }

  /**
   * @param {string} tier samples or frames
   * @returns {[number, string][]} what is published of it, a minute each
   */
  filesOf(tier) {
    return this.manifest.chunks[/** @type {"samples" | "frames"} */ (tier)]?.files ?? [];
  }

  /**
   * @param {number} index of a minute
   * @returns {Promise<Chunk | SampleChunk>} its samples, or its frames where those cannot be had
   */
  async readMinute(index) {
    const name = `${String(index).padStart(4, "0")}.json.gz`;
    const { samples, frames, chunks } = this.manifest;
    try {
      const key = `${this.folder}${chunks.samples?.folder}/${name}`;
      const minute = await this.library.readDocument("samples", key);
      refuse(key, samplesProblem(minute, samples.channels));
      return new SampleChunk(minute, samples);
    } catch (error) {
      if (!this.filesOf("frames").length) throw error;
    }
    const key = `${this.folder}${chunks.frames?.folder}/${name}`;
    const run = await this.library.readDocument("frames", key);
    refuse(key, framesProblem(run, frames.channels));
    return new Chunk(run, frames.channels);
  }

  /**
   * @param {Chunk | SampleChunk} minute that has the moment
   * @param {number} timeMs the moment
   * @returns {Moment} the session then
   */
  momentIn(minute, timeMs) {
    const tick = minute.tickAt(timeMs);
    const valueOf = valuesIn(minute, timeMs);
    const cars = this.drivers.map((driver) => ({
      number: driver.number,
      driver,
      channels: Object.fromEntries(this.channels.map((name) => [name, valueOf(driver.number, name)])),
    }));
    const last = Number.MAX_SAFE_INTEGER;
    /** @param {Car} car of the session */
    const place = (car) => numberOr(car.channels.position, last);
    cars.sort((a, b) => place(a) - place(b) || Number(a.number) - Number(b.number));
    const isInterpolated = minute instanceof SampleChunk;
    return { timeMs, trackStatus: minute.trackStatus(tick), leaderLap: minute.leaderLap(tick), cars, isInterpolated };
  }
}

/** What is published at one address. */
export class Site {
  /** @param {Library} library its documents */
  constructor(library) {
    this.library = library;
  }

  /**
   * The years that are published, newest first. Throws LoadError.
   *
   * @param {Options} options of the waiting
   * @returns {Promise<number[]>} the years
   */
  async seasons(options = {}) {
    const index = await this.library.readDocument("index", "index.json", requestOf(options));
    return index.seasons.map(({ year }) => year);
  }

  /**
   * The events and sessions of a year. Throws LoadError.
   *
   * @param {number} year of the season
   * @param {Options} options of the waiting
   * @returns {Promise<Season>} the document
   */
  season(year, options = {}) {
    return this.library.readDocument("season", `v1/seasons/${year}.json`, requestOf(options));
  }

  /**
   * The current revision of a session: by Formula 1's key of it alone, or by year, round (or name of the event) and
   * code. Throws LoadError.
   *
   * @param {number} keyOrYear the session's key, or with the other two the year
   * @param {number | string | Options} [round] or a part of the event's name
   * @param {string} [code] R, S, Q, SQ, FP1, FP2 or FP3
   * @param {Options} [options] of the waiting
   * @returns {Promise<Session>} the session
   */
  async session(keyOrYear, round, code, options = {}) {
    if (typeof round !== "number" && typeof round !== "string") return this.open(keyOrYear, round ?? {});
    const season = await this.season(keyOrYear, options);
    const found = sessionIn(season, round, String(code));
    if (found?.session_key) return this.open(found.session_key, options);
    const what = found ? `is ${found.state}, so there is nothing to read of it` : "is not in that season";
    throw new LoadError(`${keyOrYear} ${round} ${code} ${what}. See seasons() and season(${keyOrYear}).`);
  }

  /**
   * @param {number} key of the session
   * @param {Options} options of the waiting
   * @returns {Promise<Session>} its current revision
   */
  async open(key, options) {
    const folder = `v1/sessions/${key}/`;
    const latest = await this.library.readDocument("latest", `${folder}latest.json`, requestOf(options));
    const manifest = await this.library.readDocument("manifest", folder + latest.manifest, requestOf(options));
    return new Session(this.library, manifest, folder + latest.manifest.slice(0, -"manifest.json".length));
  }
}

/**
 * Open what is published at an address.
 *
 * @param {string | URL} url where `index.json` lies
 * @param {{ fetch?: Ask }} options `fetch` asks the server in place of the global one
 * @returns {Site} the site; nothing is asked for yet
 */
export function openSite(url, options = {}) {
  const base = new URL(url);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return new Site(new Library(base, options.fetch));
}

/**
 * @param {Season} season with its events
 * @param {number | string} round number, or a part of the event's name
 * @param {string} code of the session
 * @returns {SeasonSession | undefined} the session that is meant
 */
function sessionIn(season, round, code) {
  const part = String(round).toLowerCase();
  /** @param {SeasonEvent} event of the season */
  const isMeant = (event) => (typeof round === "number" ? event.round === round : event.name.toLowerCase().includes(part));
  return season.events.filter(isMeant).flatMap(({ sessions }) => sessions).find((session) => session.code === code);
}

/**
 * @param {Chunk | SampleChunk} minute that has the moment
 * @param {number} timeMs the moment
 * @returns {(car: string, name: string) => number | string | null} what a channel of a car is then
 */
function valuesIn(minute, timeMs) {
  if (minute instanceof SampleChunk) return (car, name) => minute.valueAt(car, name, timeMs);
  const tick = minute.tickAt(timeMs);
  return (car, name) => minute.value(car, name, tick);
}

/**
 * @param {Options} options of the waiting
 * @returns {RequestInit} the same for a request
 */
function requestOf({ signal }) {
  return signal ? { signal } : {};
}

/**
 * @template Result
 * @param {Promise<Result>} promise that others may wait for, too
 * @param {AbortSignal} [signal] that ends the waiting here
 * @returns {Promise<Result>} the same, or AbortError
 */
function waiting(promise, signal) {
  if (!signal) return promise;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

/**
 * @param {string} key of a document
 * @param {string | null} problem what of it is not as its schema says; throws LoadError if there is something
 */
function refuse(key, problem) {
  if (problem !== null) throw new LoadError(`${key} is not as its schema says (${problem}). Whoever publishes this should publish the session again.`);
}

/**
 * @param {number | string | null | undefined} value of a channel
 * @param {number} otherwise what stands for a value that is not known
 * @returns {number} one of both
 */
function numberOr(value, otherwise) {
  return typeof value === "number" ? value : otherwise;
}

/**
 * @param {number} value any
 * @returns {number} the same to one decimal
 */
function rounded(value) {
  return Math.round(value * 10) / 10;
}

export { LoadError };
