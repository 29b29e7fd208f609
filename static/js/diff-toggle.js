// <diff-toggle> around a table: folds the rows marked data-same, and a button shows them.
customElements.define("diff-toggle", class extends HTMLElement {
  connectedCallback() {
    const same = [...this.querySelectorAll("[data-same]")];
    if (!same.length || this.button) return;
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.className = "button button-small button-plain";
    const fold = (hide) => {
      for (const row of same) row.hidden = hide;
      this.button.setAttribute("aria-expanded", String(!hide));
      this.button.textContent = hide ? `Show ${same.length} unchanged` : `Hide ${same.length} unchanged`;
    };
    this.button.addEventListener("click", () => fold(this.button.getAttribute("aria-expanded") === "true"));
    fold(true);
    this.append(this.button);
  }
});
