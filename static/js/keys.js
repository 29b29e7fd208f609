// Keys of every page: / search, ? the list of keys, g + letter goes, e edits, Esc closes a menu. A dialog that the
// address names (#withdraw) is open.
const typing = (target) => target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog[open]");
let last = "";

const deeds = {
  "/": () => document.querySelector(".search input"),
  "?": () => document.querySelector("#keys"),
  e: () => document.querySelector("[data-edit]"),
};

function act(element) {
  if (element.matches("dialog")) element.showModal();
  else if (element.matches("input")) element.focus();
  else element.click();
}

function closeMenus() {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
}

function press(event) {
  if (event.key === "Escape") return closeMenus();
  const off = document.documentElement.dataset.keys === "off";
  if (off || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  const goal = last === "g" ? document.querySelector(`a[data-go="${CSS.escape(event.key)}"]`) : deeds[event.key]?.();
  last = goal ? "" : event.key;
  if (!goal) return;
  event.preventDefault();
  act(goal);
}

function named() {
  const goal = location.hash && document.getElementById(location.hash.slice(1));
  if (goal && goal.matches("dialog:not([open])")) goal.showModal();
}

document.addEventListener("keydown", press);
addEventListener("hashchange", named);
named();

// Buttons with commandfor, for browsers that don't know them yet.
if (!("commandForElement" in HTMLButtonElement.prototype)) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[commandfor]");
    const target = button && document.getElementById(button.getAttribute("commandfor"));
    if (!target) return;
    const command = button.getAttribute("command");
    if (command === "show-modal") target.showModal();
    else if (command === "close") target.close();
    else if (command === "toggle-popover") target.togglePopover();
  });
}
