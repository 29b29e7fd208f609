// Links that the MLflow client prints, /#/models/NAME/versions/N, lead to our pages; where one has to sign in first,
// afterwards.
const ROUTES = [
  [/^#\/models\/([^/?]+)\/versions\/(\d+)/, (name, version) => `/models/${name}/versions/${version}`],
  [/^#\/models\/([^/?]+)/, (name) => `/models/${name}`],
  [/^#\/experiments\/\d+\/runs\/([0-9a-f]+)/, (run) => `/runs/${run}`],
  [/^#\/experiments\/(\d+)/, (number) => `/experiments/${number}`],
];

function go(path) {
  const next = document.querySelector("[data-goal]");
  if (next) next.value = path;
  else location.replace(path);
}

function follow() {
  for (const [pattern, path] of ROUTES) {
    const found = pattern.exec(location.hash);
    if (found) return go(path(...found.slice(1)));
  }
}

addEventListener("hashchange", follow);
follow();
