// What race control has said of each car up to a moment: penalties, investigations, warnings, deleted lap times.

/** @import { PlacedMessage } from "./panels.js" */

/** @typedef {{ text: string, kind: "penalty" | "served" | "investigation" | "warning", why: string }} Note something to be seen on the board */
/** @typedef {{ subject: string, cars: string[], reason: string, text: string }} Incident that is investigated */
/** @typedef {{ car: string, short: string, isServed: boolean, reason: string, text: string }} Penalty announced */

const PENALTY = /(?<served>PENALTY SERVED\s*-\s*)?(?:(?<seconds>\d{1,3}) SECONDS? (?<kind>TIME|STOP(?:\s*(?:\/|AND|&)\s*GO)?) PENALTY|(?<drive>DRIVE[ -]THROUGH PENALTY)).*?\bFOR CAR (?<car>\d{1,3})\b/i;
const OPENED = /^(?<subject>.*?)\s+(?:UNDER INVESTIGATION|WILL BE INVESTIGATED)\b/i;
const CLOSED = /^(?<subject>.*?)\s+(?:REVIEWED\b|NO (?:FURTHER )?(?:ACTION|INVESTIGATION)\b)/i;
const CAR = /\b(\d{1,3}) \([A-Z]{3}\)/g;
const WARNED = /BLACK AND WHITE FLAG FOR CAR (\d{1,3})\b/i;
const DELETED = /^CAR (\d{1,3}) .*\bDELETED\b.*TRACK LIMITS/i;

const [SERVED, PENDING] = /** @type {const} */ (["served", "penalty"]);

/** What has been said of the cars. */
export class Stewards {
  /** @param {PlacedMessage[]} said messages up to the moment, in order */
  constructor(said) {
    /** @type {Penalty[]} */
    this.penalties = [];
    /** @type {Map<string, Incident>} */
    this.open = new Map();
    /** @type {Map<string, string>} */
    this.warned = new Map();
    /** @type {Map<string, number>} */
    this.limits = new Map();
    for (const { message } of said) this.take((message ?? "").replace(/^(?:FIA STEWARDS|CORRECTION): /i, ""));
  }

  /** @param {string} text of a message */
  take(text) {
    const [penalty, warned, deleted] = [PENALTY.exec(text)?.groups, WARNED.exec(text)?.[1], DELETED.exec(text)?.[1]];
    if (penalty) this.takePenalty(penalty, text);
    else if (warned) this.warned.set(warned, text);
    else if (deleted) this.limits.set(deleted, (this.limits.get(deleted) ?? 0) + 1);
    else this.takeIncident(text);
  }

  /**
   * @param {Record<string, string | undefined>} found in the message
   * @param {string} text of the message
   */
  takePenalty({ served, seconds, kind, drive, car = "" }, text) {
    const short = drive ? "DT" : kind?.toUpperCase() === "TIME" ? `+${seconds} s` : `SG ${seconds} s`;
    const reason = reasonOf(text);
    if (!served) {
      this.penalties.push({ car, short, reason, text, isServed: false });
      for (const [subject, incident] of this.open) {
        if (incident.cars.includes(car) && incident.reason === reason) this.open.delete(subject);
      }
      return;
    }
    const announced = this.penalties.find((one) => one.car === car && one.short === short && !one.isServed);
    if (announced) announced.isServed = true;
    else this.penalties.push({ car, short, reason, text, isServed: true });
  }

  /** @param {string} text of a message */
  takeIncident(text) {
    const [opened, closed] = [OPENED.exec(text)?.groups?.subject, CLOSED.exec(text)?.groups?.subject];
    if (closed) this.open.delete(closed);
    else if (opened) {
      const cars = [...opened.matchAll(CAR)].map((match) => match[1]);
      this.open.set(opened, { subject: opened, cars, reason: reasonOf(text), text });
    }
  }

  /**
   * @param {string} car racing number
   * @returns {Note[]} what there is to be seen of it, the worst first
   */
  notesOf(car) {
    const own = this.penalties.filter((penalty) => penalty.car === car);
    const open = [...this.open.values()].filter(({ cars }) => cars.includes(car));
    const warned = this.warned.get(car);
    return [
      ...own.map(({ short, isServed, text }) => ({
        text: isServed ? `${short} served` : short, kind: isServed ? SERVED : PENDING, why: text,
      })),
      ...(open.length ? [{ text: "INV", kind: /** @type {const} */ ("investigation"), why: open.map((one) => one.text).join("; ") }] : []),
      ...(warned ? [{ text: "B/W", kind: /** @type {const} */ ("warning"), why: warned }] : []),
    ];
  }
}

/**
 * @param {string} text of a message
 * @returns {string} what follows the last dash: the reason
 */
function reasonOf(text) {
  return text.includes(" - ") ? text.slice(text.lastIndexOf(" - ") + 3).trim() : "";
}
