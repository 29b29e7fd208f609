// <cmd-k> around the palette dialog: Ctrl-K opens it, / goes to search, ? to the keys, g + letter to a page.
const root = document.documentElement;
const typing = (target) => target.closest("input, textarea, select, [contenteditable], dialog");

customElements.define("cmd-k", class extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.items = [...this.querySelectorAll("li")];
    this.querySelector("input[type=search]").addEventListener("input", (event) => this.sift(event.target.value));
    document.addEventListener("keydown", (event) => this.press(event));
  }

  sift(text) {
    const want = text.trim().toLowerCase();
    for (const item of this.items) item.hidden = !item.textContent.toLowerCase().includes(want);
  }

  press(event) {
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key === "k") this.dialog.showModal();
    else if (command || event.altKey || root.dataset.keys === "off" || typing(event.target)) return;
    else if (event.key === "/") document.querySelector(".search input")?.focus();
    else if (event.key === "?") document.querySelector("#keys")?.showModal();
    else if (this.last === "g") document.querySelector(`a[data-go="${CSS.escape(event.key)}"]`)?.click();
    else return (this.last = event.key);
    this.last = "";
    event.preventDefault();
  }
});
