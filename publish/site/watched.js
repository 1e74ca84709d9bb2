// What was watched last in this browser, and where it was left.

/** @typedef {{ session: number, title: string, timeMs: number, at: string }} Watched a session, the moment it was left at, and that in words */

const STORED_AS = "parcferme-watched";
const REMEMBERED = 6;

/** @returns {Watched[]} what was watched, the last one first */
export function watched() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORED_AS) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => Number.isSafeInteger(one?.session) && typeof one.title === "string" && Number.isFinite(one.timeMs)) : [];
  } catch {
    return [];
  }
}

/** @param {Watched} now what is watched and where it stands */
export function rememberWatched(now) {
  const others = watched().filter(({ session }) => session !== now.session);
  try {
    localStorage.setItem(STORED_AS, JSON.stringify([now, ...others].slice(0, REMEMBERED)));
  } catch (error) {
    console.warn("This browser does not keep what was watched:", error);
  }
}
