// Small helpers around the page's elements. Published text only ever becomes text, never markup.

export const byId = (id) => document.getElementById(id);

/** Make an element with properties (class and data in `class`, `data`) and children (elements or texts). */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") made.className = value;
    else if (key === "data") Object.assign(made.dataset, value);
    else if (key.startsWith("aria-") || ["scope", "colspan", "role"].includes(key)) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

/** Set a text only when it changes, so that nothing is laid out again for nothing. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function setClass(target, text) {
  if (target.className !== text) target.className = text;
}

/** `#rrggbb` of a team, or grey where the upstream has none. */
export function teamColor(driver) {
  return /^#[0-9a-f]{6}$/i.test(driver.color ?? "") ? driver.color : "#8a9099";
}
