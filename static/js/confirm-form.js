// <confirm-form> around a form: the button shows it is busy, a second submit does nothing, Ctrl-Enter submits.
customElements.define("confirm-form", class extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    form?.addEventListener("submit", (event) => this.submit(event));
    form?.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      const buttons = form.querySelectorAll("button:not([type=button], [disabled])");
      if (buttons.length === 1) form.requestSubmit(buttons[0]);
    });
    addEventListener("pageshow", (event) => event.persisted && this.rest());
  }

  submit(event) {
    if (this.busy) return event.preventDefault();
    this.busy = true;
    event.submitter?.setAttribute("aria-busy", "true");
    this.timer = setTimeout(() => this.rest(), 15000);
  }

  rest() {
    clearTimeout(this.timer);
    this.busy = false;
    this.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  }
});
