// What runs now, what is next, what ran last: v1/runs.json and the status documents of its runs.

import { byId, element, setText } from "./dom.js";
import { sessionName } from "./session_types.js";
import { lengthText, liveText, moment, momentText, parseTime } from "./times.js";

/** @import { EndedRun, PlannedRun, Run, Status } from "./types.d.ts" */

/**
 * How far a run is.
 *
 * @typedef {object} Progress
 * @property {"starting" | "running" | "waiting" | "silent" | "failed" | "done"} kind what it is doing
 * @property {number} percent done
 * @property {number | null} heardMs when it was heard of last
 * @property {string} message what it said
 * @property {number | null} [nextMs] when one that waits tries again
 */

/** @typedef {(run: Run) => Status | null} StatusOf the status document of a run, null where there is none */

/** A live run is heard of every half minute; one silent for this long shows no sign of life. */
export const SILENCE_MS = 180_000;

/** @type {Record<string, [string, string, string]>} */
const OUTCOMES = {
  published: ["✓", "published", "good"],
  unchanged: ["✓", "unchanged", "good"],
  awaiting_data: ["…", "waiting for data", "waiting"],
  no_data: ["–", "no data", "off"],
  failed: ["✕", "failed", "bad"],
  crashed: ["✕", "crashed", "bad"],
  cancelled: ["⊘", "cancelled", "off"],
};
/** @type {Record<string, string>} */
const KINDS = { publish: "publish", recheck: "check again" };
const SHOWN = 6;
const SHOWN_RECENT = 9;

/**
 * The name of a run's status document, or null if it is not one: names come from a document, too.
 *
 * @param {{ status?: string }} entry of a run
 * @returns {string | null} its key
 */
export function statusKey(entry) {
  const key = entry.status ?? "";
  return /^v1\/status\/\d+\/\d+\/[A-Z0-9]+\.json$/.test(key) ? key : null;
}

/**
 * What is known of a run from its entry and its status document.
 *
 * @param {Run} entry of the run
 * @param {Status | null} status null: there is none; one of another run does not count
 * @param {number} now the moment
 * @returns {Progress} how far it is
 */
export function progressOf(entry, status, now) {
  const own = status?.flow_run_id === entry.flow_run_id ? status : null;
  const heardMs = parseTime(own?.updated_at) ?? parseTime(entry.started_at);
  const percent = Math.min(Math.max(Number(own?.progress) || 0, 0), 100);
  const base = { percent, heardMs, message: String(own?.message ?? "") };
  if (own?.type === "awaiting_data") return { ...base, kind: "waiting", nextMs: parseTime(own.next_attempt_at) };
  if (own?.type === "error") return { ...base, kind: "failed", message: String(own.error ?? own.message ?? "") };
  if (own && ["complete", "no_data", "cancelled"].includes(own.type)) return { ...base, kind: "done", percent: 100 };
  if (heardMs !== null && now - heardMs > SILENCE_MS) return { ...base, kind: "silent" };
  return { ...base, kind: own ? "running" : "starting" };
}

/**
 * Runs that have given their machine back until their data is out: their own status says they still wait.
 *
 * @param {EndedRun[]} recent runs that ended
 * @param {StatusOf} statusOf finds status documents
 * @returns {EndedRun[]} those that wait
 */
export function waitingRuns(recent, statusOf) {
  return recent.filter((entry) => {
    const status = entry.state === "awaiting_data" ? statusOf(entry) : null;
    return status?.type === "awaiting_data" && status.flow_run_id === entry.flow_run_id;
  });
}

/**
 * Show a card for every run; cards stay where they are while their run goes on.
 *
 * @param {Run[]} running what runs
 * @param {Run[]} waiting what waits
 * @param {StatusOf} statusOf finds status documents
 * @param {PlannedRun[]} next what is planned
 */
export function showRunning(running, waiting, statusOf, next) {
  const box = byId("running");
  const present = new Map([...box.children].map((card) => [card instanceof HTMLElement ? card.dataset.run : "", card]));
  const now = Date.now();
  const cards = [...running, ...waiting].map((entry) => {
    const card = /** @type {HTMLElement | undefined} */ (present.get(String(entry.flow_run_id))) ?? runCard(entry);
    fillCard(card, entry, progressOf(entry, statusOf(entry), now));
    return card;
  });
  const isSame = cards.length === box.children.length && cards.every((card, i) => card === box.children[i]);
  if (!isSame) box.replaceChildren(...cards);
  setText(byId("running-count"), countText(running.length, waiting.length));
  byId("running-none").hidden = cards.length > 0;
  const [dueMs] = next.map((entry) => parseTime(entry.expected_at)).filter((ms) => ms !== null);
  byId("running-none").replaceChildren(
    "Nothing runs at the moment.", ...(dueMs === undefined ? [] : [" The next run is due ", liveText("in", dueMs), "."]),
  );
}

/**
 * @param {number} running how many run
 * @param {number} waiting how many wait
 * @returns {string} both in words
 */
function countText(running, waiting) {
  const parts = [...(running ? [String(running)] : []), ...(waiting ? [`${waiting} waiting`] : [])];
  return parts.join(" · ");
}

/**
 * @param {Run} entry of a run
 * @returns {HTMLElement} its card, to be filled
 */
function runCard(entry) {
  return element(
    "article", { class: "card", data: { run: String(entry.flow_run_id) } },
    element("div", { class: "card-head" }, element("h3", {}, ...title(entry)), element("span", { class: "percent" })),
    element("progress", { max: 100, value: 0, "aria-label": `${plainTitle(entry)}: progress` }),
    element("p", { class: "said" }),
    element("p", { class: "muted foot" }),
  );
}

/**
 * @param {HTMLElement} card of a run
 * @param {Run} entry of the run
 * @param {Progress} progress of the run
 */
function fillCard(card, entry, progress) {
  /** @param {string} css of a part of the card */
  const part = (css) => /** @type {HTMLElement} */ (card.querySelector(css));
  const isWaiting = progress.kind === "waiting";
  card.dataset.kind = progress.kind;
  /** @type {HTMLProgressElement} */ (part("progress")).value = progress.percent;
  setText(part(".percent"), isWaiting ? "waiting" : `${Math.round(progress.percent)} %`);
  const said = words(progress);
  // Texts that go on with time do not count: else every poll would make the line anew.
  if (part(".said").dataset.said !== said.key) {
    part(".said").dataset.said = said.key;
    part(".said").replaceChildren(...said.parts);
  }
  const key = `${entry.started_at} ${entry.flow_run_url}`;
  if (part(".foot").dataset.said === key) return;
  part(".foot").dataset.said = key;
  const startedMs = parseTime(entry.started_at);
  const since = startedMs === null ? [] : [isWaiting ? "Started " : "Running ", liveText(isWaiting ? "ago" : "for", startedMs), " · "];
  part(".foot").replaceChildren(...since, runLink(entry));
}

/**
 * @param {Progress} progress of a run
 * @returns {{ key: string, parts: (Node | string)[] }} what is said of it, and what that is known by
 */
function words(progress) {
  if (progress.kind === "waiting") {
    const nextMs = progress.nextMs ?? null;
    if (nextMs === null) return { key: "waiting", parts: ["Waiting for data."] };
    const text = `Waiting for data, next attempt at ${momentText(nextMs)}, `;
    return { key: text, parts: [text, liveText("in", nextMs)] };
  }
  if (progress.kind === "silent") {
    const since = progress.heardMs === null ? "" : liveText("for", progress.heardMs);
    const parts = [element("strong", { class: "alarm" }, "No sign of life ", since), progress.message ? ` · last: ${progress.message}` : ""];
    return { key: `silent ${progress.heardMs} ${progress.message}`, parts };
  }
  if (progress.kind === "starting") return { key: "starting", parts: ["Starting…"] };
  if (progress.kind === "failed") return { key: `failed ${progress.message}`, parts: [element("strong", { class: "alarm" }, "Failed: "), progress.message] };
  return { key: progress.message, parts: [progress.message] };
}

/**
 * Show the planned runs, the soonest first.
 *
 * @param {PlannedRun[]} next what is planned
 * @param {boolean} isOffSeason whether no session is coming up
 */
export function showNext(next, isOffSeason) {
  setText(byId("next-count"), next.length ? String(next.length) : "");
  const none = isOffSeason ? "Nothing is planned: no session is coming up." : "Nothing is planned.";
  fillList(byId("next"), next.map(nextRow), SHOWN, none);
}

/**
 * @param {PlannedRun} entry of a run
 * @returns {HTMLElement} its row
 */
function nextRow(entry) {
  const ms = parseTime(entry.expected_at);
  const link = entry.flow_run_url ? [" · ", runLink(entry)] : [];
  return element(
    "li", { class: "row next-row" },
    element("div", { class: "what" }, element("h3", {}, ...title(entry)), element("p", { class: "muted" }, KINDS[entry.kind] ?? String(entry.kind), ...link)),
    element("div", { class: "when" }, ...(ms === null ? ["time unknown"] : [liveText("in", ms, { class: "countdown" }), moment(ms, { class: "muted" })])),
  );
}

/**
 * Show the runs that ended, the newest first.
 *
 * @param {EndedRun[]} recent runs that ended
 * @param {(entry: EndedRun) => string | null} linkOf gives the viewer's address of a published session
 */
export function showRecent(recent, linkOf) {
  fillList(byId("recent"), recent.map((entry) => recentRow(entry, linkOf(entry))), SHOWN_RECENT, "No run has ended here yet.");
}

/**
 * @param {EndedRun} entry of a run
 * @param {string | null} link to the replay of what it published
 * @returns {HTMLElement} its row
 */
function recentRow(entry, link) {
  const [sign, word, look] = OUTCOMES[entry.state] ?? ["?", String(entry.state), "off"];
  const [startedMs, endedMs] = [parseTime(entry.started_at), parseTime(entry.ended_at)];
  const took = startedMs !== null && endedMs !== null ? [" · took ", lengthText(endedMs - startedMs)] : [];
  const head = link ? [element("a", { href: link, "aria-label": `${sessionName(entry.session)} ${entry.event} ${entry.year}: replay` }, ...title(entry))] : title(entry);
  const grade = entry.grade && /^[ABCDF]$/.test(entry.grade) ? [" ", element("span", { class: `slot slot-${entry.grade} tiny`, title: "Grade of the data" }, entry.grade)] : [];
  return element(
    "li", { class: "row recent-row", data: { look, state: String(entry.state) } },
    element("span", { class: `outcome ${look}` }, element("span", { "aria-hidden": "true" }, `${sign} `), word),
    element("div", { class: "what" },
      element("h3", {}, ...head, ...grade),
      ...(entry.message ? [element("p", { class: look === "bad" ? "error" : "muted message" }, String(entry.message))] : []),
      element("p", { class: "muted" }, ...(endedMs === null ? [] : [liveText("ago", endedMs, { title: momentText(endedMs) })]), ...took, " · ", runLink(entry))),
  );
}

/**
 * Fill a list whose tail is folded away; what the reader had unfolded stays so.
 *
 * @param {HTMLElement} box to be filled
 * @param {HTMLElement[]} rows of the list
 * @param {number} shown how many are not folded away
 * @param {string} none what to say without any
 */
function fillList(box, rows, shown, none) {
  if (!rows.length) {
    box.replaceChildren(element("p", { class: "none" }, none));
    return;
  }
  const wasOpen = box.querySelector("details")?.open ?? false;
  /** @param {HTMLElement[]} items of a part of the list */
  const list = (items) => element("ul", { class: "rows" }, ...items);
  const tail = rows.slice(shown);
  const more = tail.length ? [element("details", { class: "more", open: wasOpen }, element("summary", {}, `${tail.length} more`), list(tail))] : [];
  box.replaceChildren(list(rows.slice(0, shown)), ...more);
}

/**
 * A link to the run in its orchestrator, or its name where there is no address of the web.
 *
 * @param {{ flow_run_name: string | null, flow_run_url: string | null }} entry of a run
 * @returns {HTMLElement} the link
 */
export function runLink(entry) {
  const name = String(entry.flow_run_name || "run");
  const href = webAddress(entry.flow_run_url);
  if (href === null) return element("span", { class: "run" }, name);
  return element("a", { class: "run", href, target: "_blank", rel: "noopener noreferrer", title: "Open the run in Prefect" }, name);
}

/**
 * @param {string | null} text that may be an address
 * @returns {string | null} an address of the web, or null: a link must not be a script
 */
function webAddress(text) {
  try {
    const address = new URL(text ?? "");
    return ["http:", "https:"].includes(address.protocol) ? address.href : null;
  } catch {
    return null;
  }
}

/** @typedef {{ session: string, event: string, year: number }} Named what names a session */

/**
 * @param {Named} entry of a run
 * @returns {(Node | string)[]} its session
 */
const title = (entry) => [element("span", { class: "session" }, sessionName(entry.session)), ` ${entry.event} ${entry.year}`];

/**
 * @param {Named} entry of a run
 * @returns {string} its session
 */
const plainTitle = (entry) => `${entry.event} ${entry.year}, ${sessionName(entry.session)}`;
