// Which chunks are loaded, which are on their way, and which one to show.

import { Chunk } from "./decode.js";
import { LoadError, readJson } from "./fetch.js";

const KEPT = 16; // chunks in memory beside the overview; one at full rate is a few MB

export class ChunkStore {
  /** `folder`: key of the revision's folder. `onLoad` is called after every arrival, `onProblem` with a LoadError. */
  constructor(folder, manifest, { onLoad, onProblem }) {
    this.folder = folder;
    this.channels = manifest.frames.channels;
    this.chunkMs = manifest.frames.chunk_ms;
    this.objects = new Map();
    for (const object of manifest.objects) {
      if (object.kind === "frames") {
        this.objects.set(this.id(object.fps, Math.floor(object.start_ms / this.chunkMs)), object.path);
      }
    }
    const rates = [...new Set(manifest.objects.filter((o) => o.kind === "frames").map((o) => o.fps))].sort((a, b) => b - a);
    [this.fullFps, this.thinFps] = [rates[0] ?? null, rates[1] ?? rates[0] ?? null];
    this.overview = null;
    this.loaded = new Map();
    this.pending = new Map();
    this.failed = new Set();
    this.onLoad = onLoad;
    this.onProblem = onProblem;
  }

  id(fps, index) {
    return `${fps}/${index}`;
  }

  /** Load what the moment needs, `fps` last; give up on what it does not. With `ahead` the next chunk follows. */
  async want(timeMs, fps, ahead) {
    const index = Math.floor(timeMs / this.chunkMs);
    const wanted = [this.id(this.thinFps, index), this.id(fps, index)];
    if (ahead) wanted.push(this.id(fps, index + 1));
    const ids = new Set(wanted.filter((id) => this.objects.has(id)));
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

  async load(id) {
    const controller = new AbortController();
    this.pending.set(id, controller);
    try {
      const document = await readJson(this.folder + this.objects.get(id), { signal: controller.signal });
      this.keep(id, new Chunk(document, this.channels));
      this.onLoad();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.failed.add(id);
      this.onProblem(error instanceof LoadError ? missingPart(error) : error);
    } finally {
      if (this.pending.get(id) === controller) this.pending.delete(id);
    }
  }

  keep(id, chunk) {
    this.loaded.set(id, chunk);
    for (const old of this.loaded.keys()) {
      if (this.loaded.size <= KEPT) break;
      this.loaded.delete(old);
    }
  }

  /** The best loaded chunk for a moment, near to `fps` if there is one; null when nothing is there. */
  at(timeMs, fps) {
    const index = Math.floor(timeMs / this.chunkMs);
    for (const rate of [fps, this.thinFps, this.fullFps]) {
      const id = this.id(rate, index);
      const chunk = this.loaded.get(id);
      if (chunk) {
        this.loaded.delete(id);
        this.loaded.set(id, chunk); // the least recently shown goes first
        return chunk;
      }
    }
    return this.overview;
  }

  /** Whether the moment can be shown at no less than the thin rate. */
  covers(timeMs) {
    const index = Math.floor(timeMs / this.chunkMs);
    const ids = [this.id(this.thinFps, index), this.id(this.fullFps, index)];
    return ids.some((id) => this.loaded.has(id)) || !ids.some((id) => this.objects.has(id));
  }

  retry() {
    this.failed.clear();
  }

  dispose() {
    for (const controller of this.pending.values()) controller.abort();
  }
}

function missingPart(error) {
  if (error.status !== 404) return error;
  return new LoadError(
    `${error.message} The manifest names it, so the publication is damaged or was replaced: reload the page; if it stays, whoever publishes this data should publish the session again.`,
    404,
  );
}
