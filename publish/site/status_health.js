// Is the system well: the verdict of v1/health.json in words, and its checks.

import { byId, element, setText } from "./dom.js";
import { liveText, momentText, parseTime } from "./times.js";

/** @import { Health } from "./types.d.ts" */

/** @typedef {"healthy" | "degraded" | "failing" | "unknown"} State how well something is */
/** @typedef {{ name: string, state: State, message: string }} Check one thing that was looked at */

/**
 * What is to be said of a health document.
 *
 * @typedef {object} Verdict
 * @property {State} state how well it is
 * @property {string} title in a word
 * @property {string} sentence what it means
 * @property {Check[]} checks the worst first
 * @property {number | null} checkedMs when somebody looked
 * @property {boolean} [isStale] whether that is too long ago
 */

/** @type {Record<State, string>} */
const SIGNS = { healthy: "✓", degraded: "!", failing: "✕", unknown: "?" };
/** @type {Record<State, string>} */
const WORDS = { healthy: "healthy", degraded: "degraded", failing: "failing", unknown: "unknown" };
/** @type {State[]} */
const WORST_FIRST = ["failing", "degraded", "unknown", "healthy"];

/**
 * @param {string} state as published
 * @returns {State} as this page knows it
 */
const stateOf = (state) => (state in WORDS ? /** @type {State} */ (state) : "unknown");

/**
 * @param {string | null | undefined} name "failed_sessions"
 * @returns {string} "Failed sessions"; "api" is "API"
 */
function checkName(name) {
  const words = String(name ?? "check").replaceAll("_", " ").replace(/\b(api|f1)\b/gi, (short) => short.toUpperCase());
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * @param {string} name of a check
 * @returns {string} as it stands inside a sentence
 */
const lowered = (name) => name.replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());

/**
 * @param {Health} document what was found
 * @returns {Check[]} the worst first
 */
function checksOf(document) {
  const checks = (document.checks ?? []).map((check) => ({
    name: checkName(check.name),
    state: stateOf(check.state),
    message: String(check.message ?? ""),
  }));
  return checks.sort((a, b) => WORST_FIRST.indexOf(a.state) - WORST_FIRST.indexOf(b.state));
}

/**
 * Judge a health document at a moment: past its limit it says nothing good, whatever it says.
 *
 * @param {Health | null} document null where there is none
 * @param {number} now the moment
 * @returns {Verdict} what is to be said of it
 */
export function judge(document, now) {
  if (document === null) {
    return {
      state: "unknown", title: "Nobody has looked yet", checks: [], checkedMs: null,
      sentence: "There is no health document here, so it cannot be said whether all is well. The check-health deployment writes it.",
    };
  }
  const checks = checksOf(document);
  const [checkedMs, validMs] = [parseTime(document.checked_at), parseTime(document.valid_until)];
  if (validMs === null || validMs < now) {
    const since = checkedMs === null ? "for an unknown time" : `since ${momentText(checkedMs)}`;
    return {
      state: "failing", title: "Failing", checks, checkedMs, isStale: true,
      sentence: `Nobody has looked ${since}. What was found then (${WORDS[stateOf(document.state)]}) says nothing about now: see whether the check-health runs and its worker are alive.`,
    };
  }
  return { ...told(stateOf(document.state), checks), checks, checkedMs };
}

/**
 * @param {State} state of the system
 * @param {Check[]} checks the worst first
 * @returns {{ state: State, title: string, sentence: string }} the state in words
 */
function told(state, checks) {
  /** @param {...State} states whose checks are named */
  const named = (...states) => checks.filter((check) => states.includes(check.state)).map((check) => lowered(check.name)).join(", ");
  if (state === "healthy") return { state, title: "Healthy", sentence: "All is well: everything that is expected is there, and every check is good." };
  if (state === "degraded") return { state, title: "Degraded", sentence: `What is published is served, but somebody should look at: ${named("degraded", "failing") || "the checks"}.` };
  if (state === "failing") return { state, title: "Failing", sentence: `Something is broken and needs somebody now: ${named("failing") || "see the checks"}.` };
  return { state, title: "Unknown", sentence: "The health document says a state this page does not know. Reload the page." };
}

/**
 * Show what :func:`judge` says.
 *
 * @param {Verdict} verdict to be shown
 */
export function showHealth(verdict) {
  byId("health").dataset.state = verdict.state;
  setText(byId("sign"), SIGNS[verdict.state]);
  setText(byId("verdict"), verdict.title);
  setText(byId("sentence"), verdict.sentence);
  byId("checked").replaceChildren(...(verdict.checkedMs === null ? [] : ["Checked ", liveText("ago", verdict.checkedMs)]));
  byId("checks").classList.toggle("stale", Boolean(verdict.isStale));
  byId("checks").replaceChildren(...verdict.checks.map(checkRow));
  setText(byId("fold-title"), verdict.checks.length === 1 ? "1 check" : `${verdict.checks.length} checks`);
  // Nobody needs to read that all is well, line by line; whoever opens or closes it is left alone until that changes.
  if (document.body.dataset.health !== verdict.state) byId("fold", HTMLDetailsElement).open = verdict.state !== "healthy";
  document.title = `${verdict.title} · parcferme status`;
  document.body.dataset.health = verdict.state;
}

/**
 * @param {Check} check to be shown
 * @returns {HTMLElement} its row
 */
function checkRow(check) {
  return element(
    "li", { class: "check", data: { state: check.state } },
    element("span", { class: "sign small", "aria-hidden": "true" }, SIGNS[check.state]),
    element("div", {},
      element("p", {}, element("strong", {}, check.name), " ", element("span", { class: "word" }, WORDS[check.state])),
      " ",
      element("p", { class: "message" }, check.message)),
  );
}
