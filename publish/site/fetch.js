// The documents that are published where the page lies.

import { Library } from "./documents.js";

/** @import { Documents } from "./types.d.ts" */

/** Where the published data begins: the folder the page lies in. */
export const BASE = new URL(".", document.baseURI);
// Browsers ask with the name and password of the page's address by themselves, and for nothing that has them in its own.
BASE.username = BASE.password = "";

const library = new Library(BASE);

/**
 * Read a published document. Throws LoadError, or AbortError when the signal was aborted.
 *
 * @template {keyof Documents} Name
 * @param {Name} name of the document
 * @param {string} key relative to the base
 * @param {RequestInit} options of the request
 * @returns {Promise<Documents[Name]>} the document
 */
export function readDocument(name, key, options = {}) {
  return library.readDocument(name, key, options);
}

/**
 * Read JSON. Throws LoadError, or AbortError when the signal was aborted.
 *
 * @param {string} key relative to the base
 * @param {RequestInit} options of the request
 * @returns {Promise<any>} the document
 */
export function readJson(key, options = {}) {
  return library.readJson(key, options);
}

export { isAbort, LoadError } from "./documents.js";
