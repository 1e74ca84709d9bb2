// The columns of the leaderboard: what there is for a kind of session, and which of them somebody wants to see.

/**
 * A column of the leaderboard.
 *
 * @typedef {object} Column
 * @property {string} key of it, also the class of its cells
 * @property {string} head short, above the column
 * @property {string} name in words
 * @property {"always" | "desk" | "asked"} shown always, where there is room until somebody chooses, or when asked for
 * @property {boolean} isNumber whether its cells are numbers
 */

/** @type {(key: string, head: string, name: string, shown?: Column["shown"], isNumber?: boolean) => Column} */
const column = (key, head, name, shown = "asked", isNumber = true) => ({ key, head, name, shown, isNumber });

const PLACE = [column("place", "P", "Position", "always"), column("name", "Car", "Car", "always", false)];
const SECTORS = [1, 2, 3].map((n) => column(`sector${n}`, `S${n}`, `Time of sector ${n}, of the lap driven last`));
const LIMITS = column("limits", "TL", "Lap times that race control has said to be deleted for track limits");
const TYRE = column("tyres", "Tyre", "Tyre compound and age in laps", "always", false);
const HISTORY = column("history", "Before", "Tyres driven before, each with the laps driven on it", "asked", false);
const STATE = column("states", "State", "State, penalties and investigations", "always", false);

/** @type {Column[]} */
const RACE = [
  ...PLACE,
  column("gained", "±", "Places won or lost since the grid", "desk"),
  column("gap", "Gap", "Gap to the leader, or interval to the car ahead", "always"),
  column("interval", "Int", "Interval to the car ahead"),
  column("last", "Last", "Last lap", "desk"),
  column("best", "Best", "Best lap so far"),
  ...SECTORS, TYRE, HISTORY,
  column("stops", "Stops", "Pit stops", "desk"),
  LIMITS, STATE,
];

/** @type {Column[]} */
const TIMED = [
  ...PLACE,
  column("best", "Best", "Best lap so far; the order counts a lap in Q2 more than one in Q1", "always"),
  column("gap", "Gap", "To the quickest lap so far of the same part of the session", "always"),
  column("last", "Last", "Last lap"),
  ...SECTORS.map((sector) => ({ ...sector, shown: /** @type {const} */ ("desk") })),
  column("ideal", "Ideal", "Ideal lap: the best three sectors of the part together"),
  TYRE, HISTORY,
  column("laps", "Laps", "Laps driven"),
  LIMITS, STATE,
];

const STORED_AS = "parcferme-columns";
const NARROW = window.matchMedia("(max-width: 900px), (max-height: 500px)");

/** The columns of one kind of session, and which of them are shown. */
export class Columns {
  /** @param {boolean} isRace whether cars race each other */
  constructor(isRace) {
    this.kind = isRace ? "race" : "timed";
    this.all = isRace ? RACE : TIMED;
    const chosen = readChoices()[this.kind];
    this.shown = new Set(this.all.filter(({ key, shown }) =>
      shown === "always" || (chosen ? chosen.includes(key) : shown === "desk" && !NARROW.matches)).map(({ key }) => key));
  }

  /**
   * Show a column or not, from now on and on the next visit.
   *
   * @param {string} key of the column
   * @param {boolean} isShown whether it is to be seen
   */
  choose(key, isShown) {
    if (isShown) this.shown.add(key);
    else this.shown.delete(key);
    writeChoices({ ...readChoices(), [this.kind]: [...this.shown] });
  }
}

/** @returns {Record<string, string[] | undefined>} the keys chosen before, by kind of session */
function readChoices() {
  try {
    const kept = Object.entries(Object(JSON.parse(localStorage.getItem(STORED_AS) ?? "{}")));
    return Object.fromEntries(kept.filter(([, keys]) => Array.isArray(keys)));
  } catch {
    return {};
  }
}

/** @param {Record<string, string[] | undefined>} choices to be kept; a browser that keeps nothing forgets them with the page */
function writeChoices(choices) {
  try {
    localStorage.setItem(STORED_AS, JSON.stringify(choices));
  } catch (error) {
    console.warn("This browser does not keep the choice of columns:", error);
  }
}
