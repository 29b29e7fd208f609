// <ts-chart>: draws the lines its figure's table names once it comes near; arrow keys read them out, a bucket a press.
const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 };
const load = (url) => (load[url] ??= fetch(url).then((answer) => answer.json()));
const said = (value) => value?.toLocaleString("en-GB", { maximumSignificantDigits: 4 }) ?? "not measured";
const ink = (node) => () => getComputedStyle(node).color;

customElements.define("ts-chart", class extends HTMLElement {
  connectedCallback() {
    const near = new IntersectionObserver(([seen]) => {
      if (seen.isIntersecting) near.disconnect(), this.draw();
    }, { rootMargin: "300px" });
    near.observe(this);
  }

  async draw() {
    const { library, namer, source, times, floor, top } = this.dataset;
    const [{ default: Plot }, { default: label }, { at, each = 1, lines }] = await Promise.all([import(library), import(namer), load(source)]);
    const [box, marks, shown, spoken] = this.children;
    const names = [...this.parentElement.querySelectorAll("[data-line]")].map((name) => name.cloneNode(true));
    const data = names.map((name) => lines[name.dataset.line] ?? []);
    const axis = (values) => ({ values, stroke: ink(this), grid: { stroke: ink(box) } });
    const size = () => ({ width: box.clientWidth, height: box.clientHeight });
    const first = (idx) => idx - (idx % each);
    const values = (line, from) => [...new Set(line.slice(from, from + each).map(said))].join(" to ") || said();
    const tell = ({ cursor: { idx } }) => {
      if (idx == null) return;
      const words = names.map((name, i) => `, ${name.textContent} ${values(data[i], first(idx))}`);
      const from = new Date(at[first(idx)] * 1000).toISOString();
      shown.textContent = from.slice(0, 16).replace("T", " ") + " UTC" + words.join("");
    };
    const plot = new Plot({
      ...size(),
      padding: [null, 96, null, null],
      tzDate: (seconds) => Plot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      legend: { show: false },
      cursor: { sync: { key: "charts" }, drag: { x: false }, y: false },
      scales: { y: { range: (plot, low, high) => [+floor, Math.max(top, high)] } },
      axes: [axis(times), { ...axis((plot, ticks) => ticks.map(said)), size: 64 }],
      series: [{}, ...names.map((name) => ({
        stroke: ink(name),
        width: name.dataset.width,
        dash: name.dataset.dash?.split(" "),
        cap: "round",
        points: { show: false },
      }))],
      hooks: { setCursor: [tell], draw: [label(names, at, data)] },
    }, [at, ...data], box);
    plot.over.append(marks, ...names);
    new ResizeObserver(() => plot.setSize(size())).observe(box);
    box.onkeydown = (event) => {
      if (!STEPS[event.key]) return;
      event.preventDefault();
      const next = first(plot.cursor.idx ?? at.length) + STEPS[event.key] * each;
      plot.setCursor({ left: plot.valToPos(at[first(Math.min(Math.max(next, 0), at.length - 1))], "x"), top: 0 }, true, true);
    };
    box.onkeyup = () => (spoken.textContent = shown.textContent);
  }
});
