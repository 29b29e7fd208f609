// <rel-time><time datetime>...</time></rel-time>: says how long ago, before the absolute time; with
// <html data-times=local> the absolute time is the reader's own, with its zone. On paper UTC stays.
const STEPS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const local = new Intl.DateTimeFormat("sv-SE", {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});
const words = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto", style: "short" });

function phrase(seconds) {
  const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  if (unit === "second") return seconds <= 0 ? "just now" : "in under 1 min";
  return words.format(Math.trunc(seconds / size), unit);
}

customElements.define("rel-time", class extends HTMLElement {
  connectedCallback() {
    const time = this.querySelector("time:not(.local)");
    if (!time || this.closest("[data-times=absolute]")) return;
    if (!this.querySelector(".ago")) {
      this.prepend(Object.assign(document.createElement("span"), { className: "ago" }), " ");
      time.title = time.dateTime;
      if (document.documentElement.dataset.times === "local") this.inLocal(time);
    }
    this.querySelector(".ago").textContent = phrase((Date.parse(time.dateTime) - Date.now()) / 1000);
    this.timer ??= setInterval(() => this.connectedCallback(), 30000);
    this.seen ??= new MutationObserver(() => this.querySelector(".ago") || this.connectedCallback());
    this.seen.observe(this, { childList: true });
  }

  inLocal(time) {
    const shown = time.cloneNode();
    shown.className = "local";
    shown.textContent = local.format(new Date(time.dateTime));
    time.classList.add("print-only");
    this.querySelector(".local")?.remove();
    time.before(shown);
  }

  disconnectedCallback() {
    this.timer = clearInterval(this.timer);
  }
});
