// Links that the MLflow client prints, /#/models/NAME/versions/N, lead to our pages.
const ROUTES = [
  [/^#\/models\/([^/?]+)\/versions\/(\d+)/, (name, version) => `/models/${name}/versions/${version}`],
  [/^#\/models\/([^/?]+)/, (name) => `/models/${name}`],
  [/^#\/experiments\/\d+\/runs\/([0-9a-f]+)/, (run) => `/runs/${run}`],
];

function follow() {
  for (const [pattern, path] of ROUTES) {
    const found = pattern.exec(location.hash);
    if (found) return location.replace(path(...found.slice(1)));
  }
}

addEventListener("hashchange", follow);
follow();
