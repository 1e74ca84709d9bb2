/**
 * Whether an error only says that nobody waits for the answer any more.
 *
 * @param {unknown} error what was thrown
 * @returns {boolean} true if it is nobody's problem
 */
export function isAbort(error: unknown): boolean;
/** @import { Documents } from "./types.d.ts" */
/** Something published cannot be read; the message is for whoever looks at it. */
export class LoadError extends Error {
    /**
     * @param {string} message what happened and what to do
     * @param {number | null} status of the server's answer; null without one
     */
    constructor(message: string, status?: number | null);
    status: number | null;
}
/** @typedef {(url: URL, options: RequestInit) => Promise<Response>} Ask asks a server, as `fetch` does */
/** What a site has published, by key. */
export class Library {
    /**
     * @param {URL} base where the published data begins; ends with a slash
     * @param {Ask} ask asks its server
     */
    constructor(base: URL, ask?: Ask);
    base: URL;
    ask: Ask;
    /**
     * Read a published document of a version that is known here. Throws LoadError, or AbortError when the signal was aborted.
     *
     * @template {keyof Documents} Name
     * @param {Name} name of the document
     * @param {string} key relative to the base
     * @param {RequestInit} options of the request
     * @returns {Promise<Documents[Name]>} the document
     */
    readDocument<Name extends keyof Documents>(name: Name, key: string, options?: RequestInit): Promise<Documents[Name]>;
    /**
     * Read JSON. Throws LoadError, or AbortError when the signal was aborted.
     *
     * @param {string} key relative to the base
     * @param {RequestInit} options of the request
     * @returns {Promise<any>} the document
     */
    readJson(key: string, options?: RequestInit): Promise<any>;
    /**
     * @param {string} key relative to the base
     * @param {RequestInit} options of the request
     * @returns {Promise<unknown>} the document
     */
    readOnce(key: string, options: RequestInit): Promise<unknown>;
    /**
     * @param {string} key that was asked for
     * @returns {string} what to say
     */
    networkProblem(key: string): string;
}
/**
 * asks a server, as `fetch` does
 */
export type Ask = (url: URL, options: RequestInit) => Promise<Response>;
import type { Documents } from "./types.d.ts";
