// What comes to the list of sessions once it is shown: small circuits, the next session, what was watched, a search.

import { flattest } from "./draw.js";
import { byId, element, setText } from "./dom.js";
import { readDocument } from "./fetch.js";
import { liveText, moment, parseTime, refreshLiveTexts } from "./times.js";
import { watched } from "./watched.js";

/** @import { Circuit, Season, SeasonEvent, SiteIndex } from "./types.d.ts" */

/** @typedef {(event: SeasonEvent, year: number) => HTMLElement} MakeCard makes the card of an event */

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, EDGE] = [96, 64, 4];
const MOST_FOUND = 60;

/** Small drawings of circuits, those of a season from one document. */
class Circuits {
  /**
   * @param {SiteIndex} index of the site
   * @param {AbortSignal} signal ends it
   */
  constructor(index, signal) {
    this.links = index.links ?? {};
    this.signal = signal;
    /** @type {Map<number, Promise<Map<number, Circuit>>>} */
    this.seasons = new Map();
  }

  /** @param {HTMLElement} list of cards, each of which has a place for its circuit */
  draw(list) {
    for (const place of list.querySelectorAll("[data-circuit]")) {
      // A list without this drawing says as much.
      this.drawAt(/** @type {HTMLElement} */ (place)).catch(() => {});
    }
  }

  /** @param {HTMLElement} place of the drawing */
  async drawAt(place) {
    const { year, circuit } = place.dataset;
    const found = (await this.ofSeason(Number(year))).get(Number(circuit));
    if (found) place.replaceChildren(outline(found));
  }

  /**
   * @param {number} year of the season
   * @returns {Promise<Map<number, Circuit>>} its circuits, by the session that shows them
   */
  ofSeason(year) {
    const known = this.seasons.get(year) ?? this.read(this.links[`circuits_${year}`]);
    this.seasons.set(year, known);
    return known;
  }

  /**
   * @param {string | Record<string, string> | undefined} key of a season's circuits, where it has any
   * @returns {Promise<Map<number, Circuit>>} its circuits, by the session that shows them
   */
  async read(key) {
    if (typeof key !== "string") return new Map();
    const { circuits } = await readDocument("circuits", key, { signal: this.signal, priority: "low" });
    return new Map(circuits.map((one) => [one.session_key, one]));
  }
}

/**
 * Complete the list of sessions.
 *
 * @param {SiteIndex} index of the site
 * @param {Season} season that is shown
 * @param {MakeCard} makeCard makes the card of an event
 * @param {AbortSignal} signal ends it
 */
export function completeLibrary(index, season, makeCard, signal) {
  const circuits = new Circuits(index, signal);
  circuits.draw(byId("events"));
  const next = nextSession(season, Date.now());
  byId("now").replaceChildren(...(next ? [next] : []), ...watchedLine());
  const timer = setInterval(() => refreshLiveTexts(), 1000);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  freshness(signal).then((line) => line && byId("now").append(line), () => {});
  listenToSearch(index, season, makeCard, circuits, signal);
}

/**
 * The session that comes next, with its countdown.
 *
 * @param {Season} season that is shown
 * @param {number} nowMs the present
 * @returns {HTMLElement | null} a line; null if none is to come
 */
function nextSession(season, nowMs) {
  const coming = season.events.flatMap((event) => event.sessions.flatMap((session) => {
    const ms = parseTime(session.start_utc);
    return ms !== null && ms > nowMs && !["cancelled", "published"].includes(session.state) ? [{ event, session, ms }] : [];
  }));
  if (!coming.length) return null;
  const { event, session, ms } = coming.reduce((first, one) => (one.ms < first.ms ? one : first));
  return element("p", { class: "next" }, element("strong", {}, `Next: ${event.name}, ${session.name}`), " ", liveText("in", ms), " · ", moment(ms));
}

/** @returns {HTMLElement[]} a line with what was watched last; none if nothing was */
function watchedLine() {
  const links = watched().map(({ session, title, timeMs, at }) =>
    element("a", { href: `#session=${session}&t=${Math.round(timeMs)}` }, `${title}, ${at}`));
  if (!links.length) return [];
  return [element("p", { class: "watched" }, "Watched last: ", ...links.flatMap((link, i) => (i ? [" · ", link] : [link])))];
}

/**
 * @param {AbortSignal} signal ends it
 * @returns {Promise<HTMLElement | null>} how fresh the site is; null where nothing says so
 */
async function freshness(signal) {
  const { changes } = await readDocument("changes", "v1/changes.json", { signal, priority: "low" });
  const ms = parseTime(changes[0]?.published_at);
  return ms === null ? null : element("p", { class: "muted" }, "Last change of a session ", liveText("ago", ms));
}

/**
 * @param {Circuit} circuit as published
 * @returns {SVGElement} its outline, as the circuit is usually shown
 */
function outline({ x, y, rotation_deg: rotation }) {
  const angle = ((rotation ?? flattest(x, y)) * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const points = x.map((value, i) => [value * cos - y[i] * sin, -(value * sin + y[i] * cos)]);
  const [us, vs] = [points.map(([u]) => u), points.map(([, v]) => v)];
  const [left, top] = [Math.min(...us), Math.min(...vs)];
  const [wide, high] = [Math.max(...us) - left, Math.max(...vs) - top];
  const scale = Math.min((WIDTH - 2 * EDGE) / wide, (HEIGHT - 2 * EDGE) / high);
  const [dx, dy] = [(WIDTH - wide * scale) / 2, (HEIGHT - high * scale) / 2];
  const drawing = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", `M${points.map(([u, v]) => `${((u - left) * scale + dx).toFixed(1)} ${((v - top) * scale + dy).toFixed(1)}`).join("L")}Z`);
  drawing.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  drawing.append(path);
  return drawing;
}

/**
 * Search in all seasons, whose documents are read when somebody begins to type.
 *
 * @param {SiteIndex} index of the site
 * @param {Season} season that is shown
 * @param {MakeCard} makeCard makes the card of an event
 * @param {Circuits} circuits to be drawn on them
 * @param {AbortSignal} signal ends it
 */
function listenToSearch(index, season, makeCard, circuits, signal) {
  const field = byId("search", HTMLInputElement);
  const list = byId("events");
  /** @type {Promise<Season[]> | null} */
  let all = null;
  const search = async () => {
    all ??= Promise.all(index.seasons.map(({ year, index: key }) => (year === season.year ? season : readDocument("season", key, { signal }))));
    const seasons = await all;
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = words.length
      ? seasons.flatMap(({ year, events }) => events.filter((event) => isMeant(event, year, words)).map((event) => ({ event, year })))
      : season.events.map((event) => ({ event, year: season.year }));
    list.replaceChildren(...found.slice(0, MOST_FOUND).map(({ event, year }) => makeCard(event, year)));
    setText(byId("found"), words.length ? `${found.length} of all seasons${found.length > MOST_FOUND ? `, the first ${MOST_FOUND} are shown` : ""}` : "");
    circuits.draw(list);
  };
  field.addEventListener("input", () => {
    search().catch(() => {
      all = null;
      setText(byId("found"), "The other seasons cannot be read now. Try again.");
    });
  }, { signal });
}

/**
 * @param {SeasonEvent} event of a season
 * @param {number} year of it
 * @param {string[]} words that are looked for
 * @returns {boolean} whether it has all of them
 */
function isMeant(event, year, words) {
  const text = [year, event.name, event.country, event.location, ...event.sessions.map(({ name }) => name)].join(" ");
  const plain = `${text} ${text.normalize("NFD").replace(/\p{M}/gu, "")}`.toLowerCase();
  return words.every((word) => plain.includes(word));
}
