// Which chunks are loaded, which are on their way, and which one to show. What cannot be had is tried again, quietly.

import { Chunk } from "./decode.js";
import { isAbort, LoadError, readDocument } from "./fetch.js";
import { SampleChunk } from "./samples.js";
import { framesProblem, samplesProblem } from "./shapes.js";

/** @import { Manifest } from "./types.d.ts" */

/**
 * How a moment can be shown: `sharp` from samples or frames; `coming`, worth waiting for; `rough` from the
 * overview, since nothing better can be had; `cut off`, not now but perhaps later; `gone`, not at all.
 *
 * @typedef {"sharp" | "coming" | "rough" | "cut off" | "gone"} Cover
 */

/** @typedef {{ tries: number, againAtMs: number, error: unknown }} Failure of a chunk */

const KEPT = 6; // chunks in memory beside the overview: the browser keeps the files they are made of
const OVERVIEW = "overview";
/** @type {("samples" | "frames")[]} */
const TIERS = ["samples", "frames"]; // samples are a third of the bytes; frames do where they cannot be had
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;

/** @typedef {Chunk | SampleChunk} Minute a run of frames, or of samples, which is asked the same way */

/** The chunks of a session, as far as they are loaded. */
export class ChunkStore {
  /**
   * @param {string} folder key of the revision's folder
   * @param {Manifest} manifest of the revision
   * @param {object} heard what is called
   * @param {() => void} heard.onLoad after every arrival
   * @param {() => void} heard.onFail when a chunk could not be had
   * @param {() => void} heard.onRetry when it is time to ask for it again
   */
  constructor(folder, manifest, { onLoad, onFail, onRetry }) {
    this.folder = folder;
    this.manifest = manifest;
    this.chunkMs = manifest.frames.chunk_ms;
    /** @type {Map<string, string>} */
    this.objects = new Map();
    for (const { kind, path } of manifest.objects) if (kind === OVERVIEW) this.objects.set(OVERVIEW, path);
    for (const tier of TIERS) {
      const { folder: below, files } = manifest.chunks[tier] ?? { folder: "", files: [] };
      for (const index of files.keys()) this.objects.set(`${tier}/${index}`, `${below}/${String(index).padStart(4, "0")}.json.gz`);
    }
    /** @type {Chunk | null} */
    this.overview = null;
    /** @type {Map<string, Minute>} */
    this.loaded = new Map();
    /** @type {Map<string, AbortController>} */
    this.pending = new Map();
    /** @type {Map<string, Failure>} */
    this.failed = new Map();
    /** @type {number | undefined} */
    this.timer = undefined;
    /** Whether a first frame was drawn: until then nothing is asked for but what it needs. */
    this.hasShown = false;
    this.onLoad = onLoad;
    this.onFail = onFail;
    this.onRetry = onRetry;
  }

  /**
   * Load what the moment needs, then the next minute and the overview; give up on anything else.
   *
   * @param {number} timeMs the moment
   */
  async want(timeMs) {
    const index = Math.floor(timeMs / this.chunkMs);
    const needs = [this.idsOf(index), this.idsOf(index + 1), this.overviewId()];
    for (const [id, controller] of this.pending) {
      if (needs.flat().includes(id)) continue;
      controller.abort();
      this.pending.delete(id);
    }
    // One after the other: what is shown now is not to wait for what is shown next.
    for (const ids of needs) {
      if (!(await this.loadOne(ids))) return;
      // The rest is no use before the moment is shown; where it cannot be, the rest is all there is.
      if (ids === needs[0] && !this.hasShown && ids.some((id) => this.has(id))) return;
    }
  }

  /**
   * @param {string[]} ids of chunks of which one is enough, the best first
   * @returns {Promise<boolean>} whether it is still of use to go on
   */
  async loadOne(ids) {
    for (const id of ids) {
      if (this.has(id) || this.pending.has(id)) return true;
      if (this.rests(id)) continue;
      if (!(await this.load(id))) return false;
      if (this.has(id)) return true;
    }
    return true;
  }

  /**
   * @param {number} index of a minute
   * @returns {string[]} the names of its chunks that are published, the best first
   */
  idsOf(index) {
    return TIERS.map((tier) => `${tier}/${index}`).filter((id) => this.objects.has(id));
  }

  /** @returns {string[]} the name of the overview, if it is published */
  overviewId() {
    return this.objects.has(OVERVIEW) ? [OVERVIEW] : [];
  }

  /**
   * @param {string} id of a chunk
   * @returns {boolean} whether it is loaded
   */
  has(id) {
    return id === OVERVIEW ? this.overview !== null : this.loaded.has(id);
  }

  /**
   * @param {string} id of a chunk
   * @returns {boolean} whether it could not be had, and it is too early to ask again
   */
  rests(id) {
    return (this.failed.get(id)?.againAtMs ?? 0) > performance.now();
  }

  /**
   * @param {string} id of a chunk
   * @returns {Promise<boolean>} whether it is still of use to go on with the next
   */
  async load(id) {
    const controller = new AbortController();
    this.pending.set(id, controller);
    try {
      const chunk = await this.read(id, controller.signal);
      this.failed.delete(id);
      this.keep(id, chunk);
      this.onLoad();
    } catch (error) {
      if (isAbort(error)) return false;
      this.fail(id, error);
    } finally {
      if (this.pending.get(id) === controller) this.pending.delete(id);
    }
    return true;
  }

  /**
   * @param {string} id of a chunk
   * @param {AbortSignal} signal that gives up on it
   * @returns {Promise<Minute>} the chunk
   */
  async read(id, signal) {
    const key = `${this.folder}${this.objects.get(id)}`;
    const { samples, frames } = this.manifest;
    if (id.startsWith("samples/")) {
      const minute = await readDocument("samples", key, { signal });
      refuse(key, samplesProblem(minute, samples.channels));
      return new SampleChunk(minute, samples);
    }
    const run = await readDocument("frames", key, { signal });
    refuse(key, framesProblem(run, frames.channels));
    return new Chunk(run, frames.channels);
  }

  /**
   * @param {string} id of a chunk
   * @param {Minute} chunk that has arrived
   */
  keep(id, chunk) {
    if (id === OVERVIEW && chunk instanceof Chunk) {
      this.overview = chunk;
      return;
    }
    this.loaded.set(id, chunk);
    for (const old of this.loaded.keys()) {
      if (this.loaded.size <= KEPT) break;
      this.loaded.delete(old);
    }
  }

  /**
   * @param {string} id of a chunk
   * @param {unknown} error why it could not be had
   */
  fail(id, error) {
    const tries = (this.failed.get(id)?.tries ?? 0) + 1;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS);
    this.failed.set(id, { tries, againAtMs: performance.now() + pauseMs, error });
    this.wakeNext();
    this.onFail();
  }

  /** Ask again when the next failed chunk may be asked for, and so on until none rests any more. */
  wakeNext() {
    clearTimeout(this.timer);
    const nowMs = performance.now();
    const restMs = [...this.failed.values()].map(({ againAtMs }) => againAtMs - nowMs).filter((ms) => ms > 0);
    if (!restMs.length) return;
    this.timer = setTimeout(() => {
      // First this: it may be another chunk's turn than the one that is shown, and a timer may be early.
      this.wakeNext();
      this.onRetry();
    }, Math.min(...restMs) + 1);
  }

  /**
   * @param {number} timeMs the moment
   * @returns {Minute | null} the best loaded chunk for it, null when nothing is there
   */
  at(timeMs) {
    for (const id of this.idsOf(Math.floor(timeMs / this.chunkMs))) {
      const chunk = this.loaded.get(id);
      if (chunk) {
        this.loaded.delete(id);
        this.loaded.set(id, chunk); // the least recently shown goes first
        return chunk;
      }
    }
    return this.overview;
  }

  /**
   * How a moment can be shown.
   *
   * @param {number} timeMs the moment
   * @returns {Cover} how
   */
  cover(timeMs) {
    const ids = this.idsOf(Math.floor(timeMs / this.chunkMs));
    if (ids.some((id) => this.loaded.has(id))) return "sharp";
    if (ids.some((id) => !this.failed.has(id))) return "coming";
    if (this.overview) return ids.length ? "rough" : "sharp";
    const more = [...ids, ...this.overviewId()];
    if (this.overviewId().some((id) => !this.failed.has(id))) return "coming";
    return more.some((id) => !isGone(this.failed.get(id)?.error)) ? "cut off" : "gone";
  }

  /**
   * Why a moment is not shown as it could be.
   *
   * @param {number} timeMs the moment
   * @returns {Error | null} what came of its chunks
   */
  problemAt(timeMs) {
    const [error] = this.idsOf(Math.floor(timeMs / this.chunkMs)).map((id) => this.failed.get(id)?.error);
    if (isGone(error)) return missingPart(error);
    return error instanceof Error ? error : null;
  }

  /** Let what could not be had be asked for again at once. */
  retry() {
    this.failed.clear();
  }

  /** Give up on everything that is on its way. */
  dispose() {
    clearTimeout(this.timer);
    for (const controller of this.pending.values()) controller.abort();
  }
}

/**
 * @param {string} key of a document
 * @param {string | null} problem what of it is not as its schema says; throws LoadError if there is something
 */
function refuse(key, problem) {
  if (problem === null) return;
  throw new LoadError(
    `${key} is not as its schema says (${problem}). Reload the page; if it stays, whoever publishes this data should publish the session again.`,
  );
}

/**
 * @param {unknown} error of a chunk
 * @returns {error is LoadError} whether the server has said that it is not there
 */
function isGone(error) {
  return error instanceof LoadError && (error.status === 404 || error.status === 403);
}

/**
 * @param {LoadError} error of a chunk that is not there
 * @returns {LoadError} the same, with what it means for a published object
 */
function missingPart(error) {
  return new LoadError(
    `${error.message} The manifest names it, so the publication is damaged or was replaced: reload the page; if it stays, whoever publishes this data should publish the session again.`,
    error.status,
  );
}
