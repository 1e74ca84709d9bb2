// Small helpers around the page's elements. Published text only ever becomes text, never markup.

/** @import { Driver } from "./types.d.ts" */

/**
 * The element of the page with this id. The page is made with these modules, so one that is missing is a mistake.
 *
 * @template {HTMLElement} [Kind=HTMLElement]
 * @param {string} id what is looked for
 * @param {new () => Kind} [kind] what it must be, for example HTMLInputElement
 * @returns {Kind} the element
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof (kind ?? HTMLElement))) throw new Error(`this page has no #${id} of the kind it needs`);
  return /** @type {Kind} */ (found);
}

/**
 * Make an element.
 *
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name of the tag
 * @param {Record<string, unknown>} properties of the element; class and data in `class` and `data`
 * @param {...(Node | string)} children what is in it
 * @returns {HTMLElementTagNameMap[Name]} the element
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") made.className = String(value);
    else if (key === "data") Object.assign(made.dataset, value);
    else if (key.startsWith("aria-") || ["scope", "colspan", "role"].includes(key)) made.setAttribute(key, String(value));
    else Object.assign(made, { [key]: value });
  }
  made.append(...children);
  return made;
}

/**
 * Set a text only when it changes, so that nothing is laid out again for nothing.
 *
 * @param {Element} target whose text it is
 * @param {string} text to be shown
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * Set the classes only when they change.
 *
 * @param {Element} target whose classes they are
 * @param {string} text all classes
 */
export function setClass(target, text) {
  if (target.className !== text) target.className = text;
}

/**
 * The colour of a car's team, or grey where the upstream has none.
 *
 * @param {Driver} driver who drives it
 * @returns {string} `#rrggbb`
 */
export function teamColor(driver) {
  return driver.color && /^#[0-9a-f]{6}$/i.test(driver.color) ? driver.color : "#8a9099";
}
