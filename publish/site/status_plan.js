// What the next look at the calendar would do: v1/plan.json, the same as `parcferme plan` prints.

import { byId, element, setText } from "./dom.js";
import { sessionName } from "./session_types.js";
import { liveText, moment, momentText, parseTime } from "./times.js";

/** @import { PlanDocument, PlanStep } from "./types.d.ts" */

/** @type {Record<string, string>} */
const WORDS = { planned: "would be planned", moved: "would be moved", taken_back: "would be taken back" };
/** @type {Record<string, string>} */
const KINDS = { publish: "publish", "recheck-1h": "again after 1 h", "recheck-24h": "again after 24 h", "recheck-7d": "again after 7 days" };
const HEAD = ["Session", "What for", "When", "What"];

/**
 * @param {PlanDocument | null | undefined} document null: there is none, undefined: it was not read yet
 */
export function showPlan(document) {
  if (document === undefined) return;
  const steps = document?.steps ?? [];
  setText(byId("plan-count"), steps.length ? String(steps.length) : "");
  setText(byId("plan-summary"), summary(document));
  byId("plan").replaceChildren(steps.length ? table(steps) : element("p", { class: "muted" }, "There is nothing to change."), ...told(document));
}

/**
 * @param {PlanDocument | null} document of the plan
 * @returns {string} it in a sentence
 */
function summary(document) {
  if (document === null) return "Nobody has told yet what the next look at the calendar would do";
  const counts = Object.entries(WORDS).flatMap(([kind, words]) => {
    const number = document.steps.filter((step) => step.what === kind).length;
    return number ? [`${number} ${words}`] : [];
  });
  return counts.length ? `The next look at the calendar: ${counts.join(", ")}` : "Everything is planned already";
}

/**
 * @param {PlanStep[]} steps soonest first
 * @returns {HTMLElement} them as a table
 */
function table(steps) {
  const rows = steps.map((step) => element(
    "tr", {},
    element("th", { scope: "row" }, `${sessionName(step.session)} ${step.event} ${step.year}`),
    element("td", {}, KINDS[step.kind] ?? String(step.kind)),
    element("td", {}, ...when(step)),
    element("td", {}, ...what(step)),
  ));
  const head = element("tr", {}, ...HEAD.map((text) => element("th", { scope: "col" }, text)));
  return element("table", { class: "freshness" }, element("thead", {}, head), element("tbody", {}, ...rows));
}

/**
 * @param {PlanStep} step of the plan
 * @returns {(Node | string)[]} when its run would start
 */
function when(step) {
  const ms = parseTime(step.at);
  return ms === null ? ["time unknown"] : [moment(ms)];
}

/**
 * @param {PlanStep} step of the plan
 * @returns {(Node | string)[]} what would be done
 */
function what(step) {
  const fromMs = parseTime(step.moved_from);
  return [WORDS[step.what] ?? String(step.what), ...(fromMs === null ? [] : [` from ${momentText(fromMs)}`])];
}

/**
 * @param {PlanDocument | null} document of the plan
 * @returns {Node[]} when that was told
 */
function told(document) {
  const ms = parseTime(document?.updated_at);
  return ms === null ? [] : [element("p", { class: "muted" }, "As told ", liveText("ago", ms), ". Nothing of it is done yet.")];
}
