// What charts keep in the address of the page, so that a link leads to the same view.

/**
 * @param {string} name of a part of the address
 * @returns {string | null} its value, null without any
 */
export function addressPart(name) {
  return new URLSearchParams(location.hash.slice(1)).get(name);
}

/**
 * Keep something in the address of the session that is shown; whoever opens the address begins with it.
 *
 * @param {string} name of the part
 * @param {string} value of it, nothing to take it away
 */
export function keepInAddress(name, value) {
  const parts = new URLSearchParams(location.hash.slice(1));
  if (!parts.has("session") || (parts.get(name) ?? "") === value) return;
  if (value) parts.set(name, value);
  else parts.delete(name);
  // Commas and dashes are read more easily as they are.
  history.replaceState(null, "", `#${parts.toString().replaceAll("%2C", ",")}`);
}
