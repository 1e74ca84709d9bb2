// A dialog over the page, made when it is asked for.

import { element } from "./dom.js";

/**
 * Open a dialog. It closes with its button, the key Escape or a click beside it, and is gone then.
 *
 * @param {string} title of it
 * @param {...(Node | string)} content of it
 * @returns {HTMLDialogElement} the dialog, open
 */
export function openDialog(title, ...content) {
  const close = element("button", { type: "button", class: "close", "aria-label": "Close" }, "Close");
  const head = element("header", {}, element("h2", {}, title), close);
  const dialog = element("dialog", { "aria-label": title }, head, element("div", { class: "dialog", tabIndex: 0 }, ...content));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
