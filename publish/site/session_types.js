// What sessions are called and in which order a weekend has them, as the index says.

/** @import { SessionType, SiteIndex } from "./types.d.ts" */

/** @type {SessionType[]} */
let known = [];

/**
 * Take the types of sessions from the index.
 *
 * @param {SiteIndex | null} index of the site
 */
export function learnSessionTypes(index) {
  known = index?.session_types ?? known;
}

/**
 * The name people use for a session.
 *
 * @param {string} code of the session
 * @returns {string} its name
 */
export const sessionName = (code) => known.find((type) => type.code === code)?.name ?? String(code);

/**
 * Codes in the order of a weekend, those the index does not know last.
 *
 * @param {Set<string>} codes of sessions
 * @returns {string[]} the same, in order
 */
export function inWeekendOrder(codes) {
  const listed = known.map((type) => type.code);
  return [...listed.filter((code) => codes.has(code)), ...[...codes].filter((code) => !listed.includes(code))];
}
