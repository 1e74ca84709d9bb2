// Which chunks are loaded, which are on their way, and which one to show.

import { Chunk } from "./decode.js";
import { isAbort, LoadError, readJson } from "./fetch.js";

/** @import { Manifest } from "./types.d.ts" */

const KEPT = 16; // chunks in memory beside the overview; one at full rate is a few MB

/**
 * @param {number} fps frames a second
 * @param {number} index of the chunk
 * @returns {string} the name of a chunk here
 */
const idOf = (fps, index) => `${fps}/${index}`;

/** The chunks of a session, as far as they are loaded. */
export class ChunkStore {
  /**
   * @param {string} folder key of the revision's folder
   * @param {Manifest} manifest of the revision
   * @param {object} heard what is called
   * @param {() => void} heard.onLoad after every arrival
   * @param {(error: Error) => void} heard.onProblem when a chunk cannot be had
   */
  constructor(folder, manifest, { onLoad, onProblem }) {
    this.folder = folder;
    this.channels = manifest.frames.channels;
    this.chunkMs = manifest.frames.chunk_ms;
    /** @type {Map<string, string>} */
    this.objects = new Map();
    /** @type {Set<number>} */
    const rates = new Set();
    for (const { kind, fps, start_ms: startMs, path } of manifest.objects) {
      if (kind !== "frames" || fps === undefined || startMs === undefined) continue;
      this.objects.set(idOf(fps, Math.floor(startMs / this.chunkMs)), path);
      rates.add(fps);
    }
    const [full, thin] = [...rates].sort((a, b) => b - a);
    /** @type {number | null} */
    this.fullFps = full ?? null;
    /** @type {number | null} */
    this.thinFps = thin ?? full ?? null;
    /** @type {Chunk | null} */
    this.overview = null;
    /** @type {Map<string, Chunk>} */
    this.loaded = new Map();
    /** @type {Map<string, AbortController>} */
    this.pending = new Map();
    /** @type {Set<string>} */
    this.failed = new Set();
    this.onLoad = onLoad;
    this.onProblem = onProblem;
  }

  /**
   * Load what the moment needs, the wanted rate last, and the next chunk; give up on what it does not need.
   *
   * @param {number} timeMs the moment
   * @param {number | null} fps the rate it is to be shown at
   */
  async want(timeMs, fps) {
    const index = Math.floor(timeMs / this.chunkMs);
    const ids = new Set(this.named([[this.thinFps, index], [fps, index], [fps, index + 1]]));
    for (const [id, controller] of this.pending) {
      if (ids.has(id)) continue;
      controller.abort();
      this.pending.delete(id);
    }
    for (const id of ids) {
      if (!this.loaded.has(id) && !this.pending.has(id) && !this.failed.has(id)) {
        // One after the other: the thin chunk shows something while the full one is on its way.
        await this.load(id);
        if (!this.loaded.has(id)) return;
      }
    }
  }

  /**
   * @param {[number | null, number][]} chunks rates and indices
   * @returns {string[]} the names of those that are published
   */
  named(chunks) {
    return chunks.flatMap(([fps, index]) => (fps === null ? [] : [idOf(fps, index)])).filter((id) => this.objects.has(id));
  }

  /** @param {string} id of a chunk */
  async load(id) {
    const controller = new AbortController();
    this.pending.set(id, controller);
    try {
      const document = await readJson(`${this.folder}${this.objects.get(id)}`, { signal: controller.signal });
      this.keep(id, new Chunk(document, this.channels));
      this.onLoad();
    } catch (error) {
      if (isAbort(error)) return;
      this.failed.add(id);
      this.onProblem(error instanceof LoadError ? missingPart(error) : /** @type {Error} */ (error));
    } finally {
      if (this.pending.get(id) === controller) this.pending.delete(id);
    }
  }

  /**
   * @param {string} id of a chunk
   * @param {Chunk} chunk that has arrived
   */
  keep(id, chunk) {
    this.loaded.set(id, chunk);
    for (const old of this.loaded.keys()) {
      if (this.loaded.size <= KEPT) break;
      this.loaded.delete(old);
    }
  }

  /**
   * @param {number} timeMs the moment
   * @param {number | null} fps the rate wanted
   * @returns {Chunk | null} the best loaded chunk for it, null when nothing is there
   */
  at(timeMs, fps) {
    const index = Math.floor(timeMs / this.chunkMs);
    for (const id of this.named([[fps, index], [this.thinFps, index], [this.fullFps, index]])) {
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
   * @param {number} timeMs the moment
   * @returns {boolean} whether it can be shown at no less than the thin rate
   */
  covers(timeMs) {
    const index = Math.floor(timeMs / this.chunkMs);
    const ids = this.named([[this.thinFps, index], [this.fullFps, index]]);
    return !ids.length || ids.some((id) => this.loaded.has(id));
  }

  /** Let what could not be had be asked for again. */
  retry() {
    this.failed.clear();
  }

  /** Give up on everything that is on its way. */
  dispose() {
    for (const controller of this.pending.values()) controller.abort();
  }
}

/**
 * @param {LoadError} error of a chunk
 * @returns {LoadError} the same, with what it means for a published object
 */
function missingPart(error) {
  if (error.status !== 404) return error;
  return new LoadError(
    `${error.message} The manifest names it, so the publication is damaged or was replaced: reload the page; if it stays, whoever publishes this data should publish the session again.`,
    404,
  );
}
