// <upload-form> around a form with files: sends it in the background and fills the bar. Without script the form is sent.
//   data-after: what happens once all is sent; data-most-bytes: a larger file is not sent
// What to correct goes into its <template>, a callout with an empty list, and before the form.
customElements.define("upload-form", class extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.progress = this.querySelector("[data-progress]");
    this.form?.addEventListener("submit", (event) => this.submit(event));
  }

  submit(event) {
    event.preventDefault();
    if (this.request) return;
    this.parentElement.querySelector(":scope > [role=alert]")?.remove();
    this.button = event.submitter ?? this.form.querySelector("button");
    const most = Number(this.dataset.mostBytes ?? Infinity);
    if ([...this.form.elements.files.files].some((file) => file.size > most)) {
      return this.refused([{ message: `The file is over ${most / 2 ** 20} MiB. Send it in parts.` }]);
    }
    this.button.setAttribute("aria-busy", "true");
    this.progress.hidden = false;
    this.progress.scrollIntoView({ block: "nearest" });
    this.request = new XMLHttpRequest();
    this.request.upload.addEventListener("progress", (sent) => this.show(sent.loaded, sent.total));
    this.request.addEventListener("load", () => this.heard());
    this.request.addEventListener("error", () => this.refused([{ message: "The upload was cut off. Send it again." }]));
    this.request.open("POST", this.form.action);
    this.request.setRequestHeader("Accept", "application/json");
    this.request.send(new FormData(this.form));
  }

  show(loaded, total) {
    const percent = Math.floor((100 * loaded) / (total || 1));
    const size = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
    this.progress.querySelector("progress").value = percent;
    const words = percent < 100 ? `Uploading, ${size(loaded)} of ${size(total)}` : (this.dataset.after ?? "Freezing the files");
    const said = Math.floor(percent / 25);
    if (said === this.said) return; // a screen reader hears each quarter once
    this.said = said;
    this.progress.querySelector("label").textContent = words;
  }

  heard() {
    let answer = {};
    try { answer = JSON.parse(this.request.responseText); } catch { /* a page, not ours to read */ }
    if (/^\/(models|endpoints)\//.test(answer.href)) return location.assign(answer.href);
    this.refused(answer.errors ?? [{ message: answer.message ?? `The server answered ${this.request.status}.` }]);
  }

  refused(errors) {
    this.request = this.said = null;
    this.button.removeAttribute("aria-busy");
    this.progress.hidden = true;
    this.progress.querySelector("label").textContent = "Uploading";
    const box = this.querySelector("template").content.firstElementChild.cloneNode(true);
    box.setAttribute("role", "alert");
    box.querySelector("ul").append(...errors.map((error) => this.item(error)));
    this.before(box);
    this.form.elements.files.focus();
  }

  item({ field, message }) {
    const item = document.createElement("li");
    const words = document.createElement(field ? "a" : "span");
    if (field) words.href = `#${field}`;
    words.textContent = message;
    item.append(words);
    return item;
  }
});
