// Published documents, read from wherever a site lies. Every failure is a LoadError whose message says what to do.

/** @import { Documents } from "./types.d.ts" */

/** Something published cannot be read; the message is for whoever looks at it. */
export class LoadError extends Error {
  /**
   * @param {string} message what happened and what to do
   * @param {number | null} status of the server's answer; null without one
   */
  constructor(message, status = null) {
    super(message);
    this.name = "LoadError";
    this.status = status;
  }
}

/**
 * Versions of the documents that are read.
 *
 * @type {Record<keyof Documents, number>}
 */
const VERSIONS = {
  index: 1, season: 1, latest: 1, manifest: 2, frames: 2, samples: 1, track: 2, laps: 1, results: 1, weather: 1,
  messages: 1, mini_sectors: 1, quality: 2, health: 1, runs: 1, plan: 1, status: 1, changes: 1, circuits: 1,
};
const CONTRACT = 1;

class BrokenDocument extends LoadError {}

/**
 * Whether an error only says that nobody waits for the answer any more.
 *
 * @param {unknown} error what was thrown
 * @returns {boolean} true if it is nobody's problem
 */
export function isAbort(error) {
  return error instanceof Error && error.name === "AbortError";
}

/** @typedef {(url: URL, options: RequestInit) => Promise<Response>} Ask asks a server, as `fetch` does */

/** What a site has published, by key. */
export class Library {
  /**
   * @param {URL} base where the published data begins; ends with a slash
   * @param {Ask} ask asks its server
   */
  constructor(base, ask = (url, options) => fetch(url, options)) {
    this.base = base;
    this.ask = ask;
  }

  /**
   * Read a published document of a version that is known here. Throws LoadError, or AbortError when the signal was aborted.
   *
   * @template {keyof Documents} Name
   * @param {Name} name of the document
   * @param {string} key relative to the base
   * @param {RequestInit} options of the request
   * @returns {Promise<Documents[Name]>} the document
   */
  async readDocument(name, key, options = {}) {
    const document = await this.readJson(key, options);
    const known = `parcferme/${name}/${VERSIONS[name]}`;
    const isKnown = document?.schema === known && (name !== "index" || document.contract === CONTRACT);
    if (isKnown) return document;
    const found = document?.schema === known ? `contract ${document.contract}` : document?.schema ?? "without a name";
    throw new LoadError(
      `${key} has a format this page does not know (${found}; this page reads ${known} of contract ${CONTRACT}). ` +
        "Reload the page; if that does not help, whoever publishes should publish the pages again, or the session if it is the older one.",
    );
  }

  /**
   * Read JSON. Throws LoadError, or AbortError when the signal was aborted.
   *
   * @param {string} key relative to the base
   * @param {RequestInit} options of the request
   * @returns {Promise<any>} the document
   */
  async readJson(key, options = {}) {
    try {
      return await this.readOnce(key, options);
    } catch (error) {
      if (!(error instanceof BrokenDocument)) throw error;
      // A revision's objects stay in the browser's cache for a year, and so would one that arrived broken.
      return this.readOnce(key, { ...options, cache: "reload" });
    }
  }

  /**
   * @param {string} key relative to the base
   * @param {RequestInit} options of the request
   * @returns {Promise<unknown>} the document
   */
  async readOnce(key, options) {
    let response;
    try {
      response = await this.ask(new URL(key, this.base), options);
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new LoadError(this.networkProblem(key));
    }
    if (!response.ok) throw new LoadError(statusProblem(key, response.status), response.status);
    let bytes;
    try {
      bytes = new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new BrokenDocument(`${key} broke off while it was loading. Check the connection, then try again.`);
    }
    try {
      return JSON.parse(new TextDecoder().decode(isGzip(bytes) ? await gunzip(bytes) : bytes));
    } catch {
      throw new BrokenDocument(
        `${key} is not readable JSON. Try again; if it stays, whoever publishes this data should publish the session again.`,
      );
    }
  }

  /**
   * @param {string} key that was asked for
   * @returns {string} what to say
   */
  networkProblem(key) {
    if (this.base.protocol === "file:") {
      return 'This page was opened from the disk, where a browser reads no data. Run "parcferme serve" and open the address it prints.';
    }
    return `The server did not answer for ${key}. Check the connection, then try again.`;
  }
}

/**
 * @param {string} key that was asked for
 * @param {number} status of the answer
 * @returns {string} what to say
 */
function statusProblem(key, status) {
  if (status === 404) return `${key} is not there (404).`;
  if (status === 403) return `The server refuses ${key} (403): it is not there or not public. Ask whoever publishes this data.`;
  return `The server answered ${status} for ${key}. Try again in a minute.`;
}

/**
 * A plain file server does not say Content-Encoding: gzip, so that the browser leaves .json.gz as it is.
 *
 * @param {Uint8Array} bytes as they arrived
 * @returns {boolean} whether they are still compressed
 */
function isGzip(bytes) {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes compressed
 * @returns {Promise<Uint8Array>} what was compressed
 */
async function gunzip(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
