// <row-keys> around a table or list: j k move, Enter opens, x ticks, c compares.
const typing = (target) => target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog[open]");

customElements.define("row-keys", class extends HTMLElement {
  connectedCallback() {
    this.listener = (event) => this.press(event);
    document.addEventListener("keydown", this.listener);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.listener);
  }

  get rows() {
    return [...this.querySelectorAll("tbody > tr, .list > li")].filter((row) => row.querySelector("a"));
  }

  press(event) {
    const off = document.documentElement.dataset.keys === "off";
    if (off || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const here = this.querySelector("[aria-current=true]");
    if (event.key === "j" || event.key === "k") this.move(here, event.key === "j" ? 1 : -1);
    else if (event.key === "x") here?.querySelector("input[type=checkbox]")?.click();
    else if (event.key === "c") this.querySelector("[data-compare]:not([disabled])")?.click();
  }

  move(here, step) {
    const rows = this.rows;
    const row = rows[Math.min(Math.max(rows.indexOf(here) + step, 0), rows.length - 1)];
    if (!row) return;
    here?.removeAttribute("aria-current");
    row.setAttribute("aria-current", "true");
    row.querySelector("a").focus();
  }
});
