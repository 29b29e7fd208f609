// <live-pill data-for="id">: asks for that part of the page every second while the tab is seen, and says how fresh it is.
// Buttons and forms stand outside that part, under data-follows: where its data-doable no longer says what it said, they are
// asked for again; while somebody has one of them in hand, the page offers to be loaded again.
const EVERY = 1000, LONGEST = 30000;

customElements.define("live-pill", class extends HTMLElement {
  connectedCallback() {
    this.shown = document.getElementById(this.dataset.for);
    this.words = this.querySelector("span");
    this.wait = EVERY;
    this.doable = this.doableNow();
    this.shown.addEventListener("htmx:after:request", (event) => this.heard(event.detail.ctx.response.status));
    this.shown.addEventListener("htmx:error", () => this.heard(0));
    for (const part of this.followers) part.addEventListener("htmx:after:swap", () => this.followed());
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
    this.plan();
  }

  doableNow() {
    return this.shown.querySelector("[data-doable]")?.dataset.doable;
  }

  plan() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), this.wait);
  }

  look() {
    this.plan();
    if (!document.hidden && this.isConnected) this.shown.dispatchEvent(new Event("look"));
  }

  inHand() {
    return this.followers.some((part) => part.contains(document.activeElement) || part.querySelector("dialog[open]"));
  }

  get followers() {
    return [...document.querySelectorAll("[data-follows]")];
  }

  followed() {
    this.doable = this.doableNow();
    this.heard(200);
  }

  follow() {
    if (this.inHand()) return;
    for (const part of this.followers) part.dispatchEvent(new Event("follow"));
  }

  heard(status) {
    const fresh = status === 200 || status === 304;
    this.wait = fresh ? EVERY : Math.min(this.wait * 2, LONGEST);
    if (fresh) this.last = new Date();
    const ended = this.shown.querySelector("[data-ended]");
    if (ended) clearTimeout(this.timer), (this.wait = LONGEST);
    this.toggleAttribute("data-stale", !fresh);
    const since = (this.last ?? new Date()).toISOString().slice(11, 16);
    const changed = this.doableNow() !== this.doable;
    const state = ended ? "Ended." : fresh ? "Live." : `Stale since ${since} UTC.`;
    if (changed) this.follow();
    const said = changed ? `${state} What you can do here has changed.` : state;
    if (this.words.textContent !== said) this.words.textContent = said;
    this.querySelector("a").hidden = fresh && !changed;
    if (!ended) this.plan();
  }
});
