// <copy-code data-name><code title>...</code></copy-code>: adds a button that copies the full text.
const SPRITE = document.querySelector("meta[name=sprite]")?.content;

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

customElements.define("copy-code", class extends HTMLElement {
  connectedCallback() {
    const code = this.querySelector("code");
    if (!code || !navigator.clipboard || this.querySelector(".copy")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.setAttribute("aria-label", `Copy ${this.dataset.name ?? "text"}`);
    button.append(icon("copy"));
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.title || code.textContent);
      button.replaceChildren(icon("check"), "copied");
      setTimeout(() => button.replaceChildren(icon("copy")), 1600);
    });
    (this.querySelector("[data-copy]") ?? this).append(button);
  }
});
