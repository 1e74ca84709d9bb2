// Is the system well: the verdict of v1/health.json in words, and its checks.

import { byId, element, setText } from "./dom.js";
import { liveText, momentText, parseTime } from "./times.js";

const SIGNS = { healthy: "✓", degraded: "!", failing: "✕", unknown: "?" };
const WORDS = { healthy: "healthy", degraded: "degraded", failing: "failing", unknown: "unknown" };
const WORST_FIRST = ["failing", "degraded", "unknown", "healthy"];

const stateOf = (state) => (state in WORDS ? state : "unknown");

/** "failed_sessions" -> "Failed sessions", "api" -> "API". */
function checkName(name) {
  const words = String(name ?? "check").replaceAll("_", " ").replace(/\b(api|f1)\b/gi, (short) => short.toUpperCase());
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const lowered = (name) => name.replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());

function checksOf(document) {
  const checks = (document?.checks ?? []).map((check) => ({
    name: checkName(check.name),
    state: stateOf(check.state),
    message: String(check.message ?? ""),
  }));
  return checks.sort((a, b) => WORST_FIRST.indexOf(a.state) - WORST_FIRST.indexOf(b.state));
}

/** What is to be said of a health document (null: there is none) at the moment `now`. */
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

function told(state, checks) {
  const named = (...states) => checks.filter((check) => states.includes(check.state)).map((check) => lowered(check.name)).join(", ");
  if (state === "healthy") return { state, title: "Healthy", sentence: "All is well: everything that is expected is there, and every check is good." };
  if (state === "degraded") return { state, title: "Degraded", sentence: `What is published is served, but somebody should look at: ${named("degraded", "failing") || "the checks"}.` };
  if (state === "failing") return { state, title: "Failing", sentence: `Something is broken and needs somebody now: ${named("failing") || "see the checks"}.` };
  return { state, title: "Unknown", sentence: "The health document says a state this page does not know. Reload the page." };
}

/** Show a verdict of :func:`judge`. */
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
  if (document.body.dataset.health !== verdict.state) byId("fold").open = verdict.state !== "healthy";
  document.title = `${verdict.title} · parcferme status`;
  document.body.dataset.health = verdict.state;
}

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
