// A published session: its manifest, and its other documents when they are asked for.

import { LoadError, readDocument } from "./fetch.js";
import { Parts } from "./parts.js";

/** @import { Documents, Latest, Manifest } from "./types.d.ts" */

/** The current revision of a session. */
export class Session {
  /**
   * @param {Manifest} manifest of the revision
   * @param {string} folder key of the revision's folder
   * @param {AbortSignal} signal ends every reading
   */
  constructor(manifest, folder, signal) {
    this.manifest = manifest;
    this.folder = folder;
    this.signal = signal;
    this.key = manifest.session_key;
    /** Whether cars race each other, so that there is an order on track. */
    this.isRace = Boolean(manifest.capabilities.order);
    this.startMs = manifest.clock.race_start_ms ?? 0;
    this.parts = new Parts(manifest.parts ?? []);
    this.hasFrames = Object.keys(manifest.chunks).length > 0;
  }

  /**
   * Read one of the session's documents. Throws LoadError.
   *
   * @template {keyof Documents} Name
   * @param {Name} name of the document
   * @param {RequestInit} options of the request
   * @returns {Promise<Documents[Name] | null>} the document, null where the session has none
   */
  read(name, options = {}) {
    const path = `${name}.json.gz`;
    if (!this.manifest.objects.some((object) => object.path === path)) return Promise.resolve(null);
    return readDocument(name, this.folder + path, { signal: this.signal, ...options });
  }
}

/**
 * Read the manifest of a session's current revision. Throws LoadError.
 *
 * @param {number} sessionKey Formula 1's own number of the session
 * @param {AbortSignal} signal ends it and every later reading
 * @returns {Promise<Session>} the session
 */
export async function readSession(sessionKey, signal) {
  const folder = `v1/sessions/${sessionKey}/`;
  const latest = await readLatest(sessionKey, `${folder}latest.json`, signal);
  const manifest = await readDocument("manifest", folder + latest.manifest, { signal });
  return new Session(manifest, folder + latest.manifest.slice(0, -"manifest.json".length), signal);
}

/**
 * @param {number} sessionKey Formula 1's own number of the session
 * @param {string} key of the document
 * @param {AbortSignal} signal ends it
 * @returns {Promise<Latest>} which revision is current
 */
async function readLatest(sessionKey, key, signal) {
  try {
    return await readDocument("latest", key, { signal });
  } catch (error) {
    if (!(error instanceof LoadError) || (error.status !== 404 && error.status !== 403)) throw error;
    throw new LoadError(`Session ${sessionKey} is not published here (${error.status}). Choose another one from the list of sessions.`, error.status);
  }
}
