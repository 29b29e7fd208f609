// <compare-pick> around a form with ticks: Compare works when two to six are ticked, a seventh unticks the oldest.
customElements.define("compare-pick", class extends HTMLElement {
  connectedCallback() {
    this.picked = [];
    this.addEventListener("change", (event) => this.pick(event.target));
    this.tell();
  }

  pick(box) {
    if (box.name !== "v") return;
    this.picked = this.picked.filter((other) => other !== box);
    if (box.checked) this.picked.push(box);
    if (this.picked.length > 6) this.picked.shift().checked = false;
    this.tell();
  }

  tell() {
    this.picked = this.picked.length ? this.picked : [...this.querySelectorAll("input[name=v]:checked")];
    const button = this.querySelector("[data-compare]");
    const status = this.querySelector("[data-picked]");
    button.disabled = this.picked.length < 2;
    const names = this.picked.map((box) => `v${box.value}`).join(", ");
    if (status) status.textContent = names ? `${names} ticked` : "Tick two to six versions to compare them";
  }
});
