// Whether what is ahead is hidden: on at first for a session of the last week, then as it was chosen.

/** @import { Manifest } from "./types.d.ts" */

/** @typedef {{ older?: boolean, sessions?: Record<string, boolean> }} Choices what was chosen, for older sessions and for single ones */

const WEEK_MS = 7 * 24 * 3600 * 1000;
const STORED_AS = "parcferme-hide-ahead";
const REMEMBERED = 50;

/** The switch of one session. */
export class Hiding {
  /**
   * @param {Manifest} manifest of the session
   * @param {number} nowMs the present
   */
  constructor(manifest, nowMs) {
    this.key = String(manifest.session_key);
    const startMs = Date.parse(manifest.session.start_utc ?? manifest.session.date);
    // Without a day nobody knows how new it is.
    this.isRecent = !(nowMs - startMs > WEEK_MS);
    this.isOn = this.chosen() ?? this.isRecent;
  }

  /** @returns {boolean | undefined} what was chosen for this session, or for all older ones; undefined: nothing */
  chosen() {
    const { older, sessions } = readChoices();
    // A choice for one recent session says nothing about the next one.
    return sessions?.[this.key] ?? (this.isRecent ? undefined : older);
  }

  /** @param {boolean} isOn whether to hide from now on */
  choose(isOn) {
    this.isOn = isOn;
    const { older, sessions = {} } = readChoices();
    const others = Object.entries(sessions).filter(([key]) => key !== this.key);
    if (!this.isRecent) writeChoices({ older: isOn, sessions: Object.fromEntries(others) });
    // Keys rise with time, and an object keeps them in that order: the oldest are forgotten.
    else writeChoices({ ...(older === undefined ? {} : { older }), sessions: Object.fromEntries([...others.slice(-REMEMBERED), [this.key, isOn]]) });
  }
}

/** @returns {Choices} what was chosen before; nothing where the browser keeps nothing or something else wrote it */
function readChoices() {
  try {
    const { older, sessions } = Object(JSON.parse(localStorage.getItem(STORED_AS) ?? "{}"));
    return { ...(typeof older === "boolean" ? { older } : {}), ...(typeof sessions === "object" && sessions ? { sessions } : {}) };
  } catch {
    return {};
  }
}

/** @param {Choices} choices to be kept; a browser that keeps nothing forgets them with the page */
function writeChoices(choices) {
  try {
    localStorage.setItem(STORED_AS, JSON.stringify(choices));
  } catch (error) {
    console.warn("This browser does not keep the choice to hide what is ahead:", error);
  }
}
