// <cmd-k data-from> around the palette dialog: Ctrl-K opens it. What is found comes from the server, as {label, href,
// kind}; where that fails the links already there go on working. Arrow keys choose, Enter opens.
customElements.define("cmd-k", class extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.input = this.querySelector("input");
    this.input.addEventListener("input", () => this.sift());
    this.dialog.addEventListener("keydown", (event) => this.choose(event));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (!this.dialog.open) this.dialog.showModal();
      this.input.select();
      this.sift();
    });
  }

  get links() {
    return [...this.querySelectorAll("li:not([hidden]) a")];
  }

  sift() {
    const text = this.input.value.trim();
    for (const item of this.querySelectorAll("[data-pages] li"))
      item.hidden = !item.textContent.toLowerCase().includes(text.toLowerCase());
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(text), 120);
  }

  async ask(text) {
    const query = new URLSearchParams({ q: text, here: location.pathname });
    const answer = await fetch(`${this.dataset.from}?${query}`).catch(() => null);
    const found = answer?.ok ? (await answer.json()).found : [];
    if (text !== this.input.value.trim()) return;
    this.querySelector("[data-found]").replaceChildren(...found.map((one) => this.line(one)));
    this.querySelector("[role=status]").textContent = `${this.links.length} found`;
  }

  line({ label, href, kind }) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    const word = document.createElement("span");
    link.href = href;
    link.className = "menu-item";
    word.className = "palette-kind";
    word.textContent = kind;
    link.append(label, word);
    link.addEventListener("click", () => this.dialog.close());
    item.append(link);
    return item;
  }

  choose(event) {
    const links = this.links;
    const at = links.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) (links[at + step] ?? this.input).focus();
    else if (event.key === "Enter" && at < 0 && this.input.value.trim() && links.length) links[0].click();
    else return;
    event.preventDefault();
  }
});
