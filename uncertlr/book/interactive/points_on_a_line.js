(root, data) => {
  "use strict";
  // the fit: Newton's method on 34 weights, the last of them the bias
  const size = data.centres.length + 1;
  const columns = (x) => [...data.centres.map((c) => Math.exp(-data.sharpness * (x - c) ** 2)), 1];
  const sigmoid = (z) => 1 / (1 + Math.exp(-z));
  const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
  const dot = (one, other) => one.reduce((sum, value, i) => sum + value * other[i], 0);
  const cholesky = (matrix) => {
    const lower = matrix.map(() => new Float64Array(size));
    for (let i = 0; i < size; i++)
      for (let j = 0; j <= i; j++) {
        let sum = matrix[i][j];
        for (let k = 0; k < j; k++) sum -= lower[i][k] * lower[j][k];
        lower[i][j] = i === j ? Math.sqrt(sum) : sum / lower[j][j];
      }
    return lower;
  };
  const forward = (lower, right) => {
    const solved = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      let sum = right[i];
      for (let k = 0; k < i; k++) sum -= lower[i][k] * solved[k];
      solved[i] = sum / lower[i][i];
    }
    return solved;
  };
  const backward = (lower, right) => {
    const solved = new Float64Array(size);
    for (let i = size - 1; i >= 0; i--) {
      let sum = right[i];
      for (let k = i + 1; k < size; k++) sum -= lower[k][i] * solved[k];
      solved[i] = sum / lower[i][i];
    }
    return solved;
  };
  const curvature = (rows, weights) => {
    const matrix = Array.from({ length: size }, (_, i) => {
      const row = new Float64Array(size);
      row[i] = data.precision;
      return row;
    });
    rows.forEach((row) => {
      const p = sigmoid(dot(row, weights));
      for (let i = 0; i < size; i++) for (let j = 0; j <= i; j++) matrix[i][j] += p * (1 - p) * row[i] * row[j];
    });
    return cholesky(matrix);
  };
  const fit = (points) => {
    const rows = points.map(({ x }) => columns(x));
    const objective = (weights) =>
      rows.reduce((sum, row, n) => {
        const z = dot(row, weights);
        return sum + softplus(z) - points[n].label * z;
      }, 0.5 * data.precision * dot(weights, weights));
    let weights = Array(size).fill(0);
    for (let step = 0; step < data.mostSteps; step++) {
      const gradient = weights.map((w) => data.precision * w);
      rows.forEach((row, n) => {
        const residual = sigmoid(dot(row, weights)) - points[n].label;
        row.forEach((value, i) => (gradient[i] += residual * value));
      });
      const lower = curvature(rows, weights);
      const direction = backward(lower, forward(lower, gradient));
      const decrement = 0.5 * dot(gradient, direction);
      if (decrement < data.tolerance) break;
      const before = objective(weights);
      const moved = (share) => weights.map((w, i) => w - share * direction[i]);
      let share = 1;
      while (objective(moved(share)) > before - 0.5 * share * decrement && share > 1e-6) share /= 2;
      weights = moved(share);
    }
    return { weights, lower: curvature(rows, weights) };
  };

  // the logit at x is Gaussian; probabilities and entropies are averaged over it
  const entropy = (p) => [p, 1 - p].reduce((sum, q) => (q > 0 ? sum - q * Math.log(q) : sum), 0);
  const predict = ({ weights, lower }, x) => {
    const row = columns(x);
    const half = forward(lower, row);
    const mean = dot(row, weights);
    const deviation = Math.sqrt(dot(half, half));
    const probs = data.normal.map((point) => sigmoid(mean + deviation * point));
    const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const chance = average(probs);
    const aleatoric = average(probs.map(entropy));
    const epistemic = Math.max(0, entropy(chance) - aleatoric);
    const range = [-1.645, 1.645].map((point) => sigmoid(mean + deviation * point));
    return { x, chance, aleatoric, epistemic, range };
  };

  // the drawing: two panels over one axis
  const WIDTH = 640, LEFT = 58, RIGHT = 632;
  const TOP = { from: 36, to: 216, most: 1, ticks: [0, 0.5, 1] };
  const BOTTOM = { from: 264, to: 394, most: 0.75, ticks: [0, 0.25, 0.5, 0.75] };
  const HEIGHT = 446;
  const across = (x) => LEFT + ((x - data.low) / (data.high - data.low)) * (RIGHT - LEFT);
  const up = (panel, y) => panel.to - (y / panel.most) * (panel.to - panel.from);

  root.replaceChildren();
  const svg = draw("svg", { class: "line", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }, root);
  [TOP, BOTTOM].forEach((panel) =>
    panel.ticks.forEach((tick) => {
      draw("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: up(panel, tick), y2: up(panel, tick) }, svg);
      draw("text", { x: LEFT - 6, y: up(panel, tick) + 5, "text-anchor": "end" }, svg, tick);
    }),
  );
  for (let x = data.low; x <= data.high; x += 2)
    draw("text", { x: across(x), y: BOTTOM.to + 22, "text-anchor": "middle" }, svg, String(x).replace("-", "\u2212"));
  draw("text", { x: (LEFT + RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, svg, "x");
  draw("text", { x: LEFT, y: 20 }, svg, "chance of class 1, and where 90 % of the draws lie");
  const names = draw("text", { x: LEFT, y: BOTTOM.from - 14 }, svg);
  draw("tspan", { class: "aleatoric" }, names, "\u25a0");
  draw("tspan", {}, names, " aleatoric  ");
  draw("tspan", { class: "epistemic" }, names, "\u25a0");
  draw("tspan", {}, names, " epistemic (nats)");
  const band = draw("path", { class: "band" }, svg);
  const chance = draw("path", { class: "curve chance" }, svg);
  const parts = ["aleatoric", "epistemic"].map((name) => draw("path", { class: `curve ${name}` }, svg));
  const ticks = draw("g", {}, svg);
  const cursor = draw("line", { class: "cursor", y1: TOP.from, y2: BOTTOM.to }, svg);

  const points = data.positions.map((x, n) => ({ x, label: data.labels[n] }));
  const first = points.length;
  const before = []; // number of points before each addition
  const controls = make("div", "controls", root);
  const place = make("label", "place", controls, "x ");
  const slider = make("input", "", place);
  Object.assign(slider, { type: "range", min: data.low, max: data.high, step: 0.05, value: 0.25 });
  const shown = make("p", "sum", root);
  shown.ariaLive = "polite";

  let model = fit(points);
  const path = (values) => values.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  const here = () => {
    const x = Number(slider.value);
    const { chance: p, aleatoric, epistemic } = predict(model, x);
    cursor.setAttribute("x1", across(x));
    cursor.setAttribute("x2", across(x));
    const [one, two, three] = [p, aleatoric, epistemic].map((value) => value.toFixed(3));
    const where = x.toFixed(2).replace("-", "\u2212");
    shown.textContent =
      `${points.length} points. At x = ${where}: chance of class 1 ${one}, aleatoric ${two}, epistemic ${three} nats.`;
    Object.assign(root.dataset, { x, chance: p, aleatoric, epistemic, points: points.length });
  };
  const redraw = () => {
    model = fit(points);
    const step = (data.high - data.low) / (data.grid - 1);
    const along = Array.from({ length: data.grid }, (_, i) => predict(model, data.low + i * step));
    const edge = (side) => along.map(({ x, range }) => [across(x), up(TOP, range[side])]);
    band.setAttribute("d", `${path(edge(0))}${path(edge(1).reverse()).replace("M", "L")}Z`);
    chance.setAttribute("d", path(along.map((at) => [across(at.x), up(TOP, at.chance)])));
    parts.forEach((part, k) => {
      const name = ["aleatoric", "epistemic"][k];
      part.setAttribute("d", path(along.map((at) => [across(at.x), up(BOTTOM, at[name])])));
    });
    ticks.replaceChildren();
    points.forEach(({ x, label }, n) => {
      const y = up(TOP, label);
      const kind = n < first ? "point" : "point added";
      draw("line", { class: kind, x1: across(x), x2: across(x), y1: y - 7, y2: y + 7 }, ticks);
    });
    here();
  };
  const add = (labels) => {
    before.push(points.length);
    points.push(...labels.map((label) => ({ x: Number(slider.value), label })));
    redraw();
  };

  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    const x = data.low + (((event.clientX - box.left) / box.width) * WIDTH - LEFT) / ((RIGHT - LEFT) / (data.high - data.low));
    const y = ((event.clientY - box.top) / box.height) * HEIGHT;
    slider.value = Math.min(data.high, Math.max(data.low, x));
    if (y < TOP.to + 15) add([y < (TOP.from + TOP.to) / 2 ? 1 : 0]);
    else here();
  });
  slider.addEventListener("input", here);
  const control = (text, act) => {
    const button = make("button", "", controls, text);
    button.type = "button";
    button.addEventListener("click", act);
  };
  [0, 1].forEach((label) => control(`Add class ${label}`, () => add([label])));
  control("Add ten of each", () => add(Array.from({ length: 20 }, (_, n) => n % 2)));
  const keepFirst = (count) => {
    points.length = count;
    redraw();
  };
  control("Undo", () => keepFirst(before.pop() ?? first));
  control("Start again", () => {
    before.length = 0;
    keepFirst(first);
  });
  redraw();
}
