(root, data) => {
  "use strict";
  // the network: uncertainty depends on the sum of the factors so far, and on the factor in force
  const network = (rise) => {
    let distance = 0;
    const last = data.curve.length - 1;
    return (factor) => {
      const place = Math.min(distance / data.spacing, last);
      const before = Math.min(Math.floor(place), last - 1);
      const learned = data.curve[before] + (place - before) * (data.curve[before + 1] - data.curve[before]);
      distance += factor;
      return Math.min(1, learned + rise * factor);
    };
  };
  // the rule: halve above the threshold, raise by a tenth below it, within bounds; inverted, it receives 1 - u
  const train = ({ threshold, low, high, every, rise, inverted }) => {
    const respond = network(rise);
    const limit = inverted ? 1 - threshold : threshold;
    const signals = [], factors = [];
    let factor = 1, total = 0, count = 0;
    for (let step = 0; step < data.steps; step++) {
      factors.push(factor);
      const signal = respond(factor);
      signals.push(signal);
      total += inverted ? 1 - signal : signal;
      count += 1;
      if (count < every) continue;
      const mean = total / count;
      if (mean > limit) factor = Math.min(high, Math.max(low, factor * 0.5));
      else if (mean < limit) factor = Math.min(high, Math.max(low, factor * 1.1));
      total = count = 0;
    }
    return { signals, factors };
  };

  // the drawing: two panels over one axis
  const WIDTH = 640, LEFT = 62, RIGHT = 626, HEIGHT = 448;
  const TOP = { from: 34, to: 194, value: (u) => u, ticks: [0, 0.5, 1], least: 0, most: 1 };
  const BOTTOM = { from: 246, to: 394, value: Math.log10, ticks: [0.01, 0.1, 1, 10], least: -2.7, most: 1.4 };
  const across = (step) => LEFT + (step / data.steps) * (RIGHT - LEFT);
  const up = ({ from, to, value, least, most }, y) => to - ((value(y) - least) / (most - least)) * (to - from);
  root.replaceChildren();
  const svg = draw("svg", { class: "closed-loop", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }, root);
  [TOP, BOTTOM].forEach((panel) => {
    draw("line", { class: "axis", x1: LEFT, x2: LEFT, y1: panel.from, y2: panel.to }, svg);
    draw("line", { class: "axis", x1: LEFT, x2: RIGHT, y1: panel.to, y2: panel.to }, svg);
    panel.ticks.forEach((tick) =>
      draw("text", { x: LEFT - 8, y: up(panel, tick) + 6, "text-anchor": "end" }, svg, String(tick)),
    );
  });
  const epochs = data.steps / data.perEpoch;
  [0, 1, 2, 3].forEach((part) => {
    const anchor = ["start", "middle", "middle", "end"][part];
    const epoch = String(Math.round((part * epochs) / 3));
    draw("text", { x: across((part * data.steps) / 3), y: BOTTOM.to + 22, "text-anchor": anchor }, svg, epoch);
  });
  draw("text", { x: (LEFT + RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, svg, "epoch");
  draw("text", { x: LEFT, y: TOP.from - 14 }, svg, "uncertainty u, and the threshold");
  draw("text", { x: LEFT, y: BOTTOM.from - 14 }, svg, "factor on the rate, and its bounds");
  const level = (panel) => {
    const line = draw("line", { class: "limit", x1: LEFT, x2: RIGHT }, svg);
    return (y) => ["y1", "y2"].forEach((end) => line.setAttribute(end, up(panel, y)));
  };
  const limits = { threshold: level(TOP), low: level(BOTTOM), high: level(BOTTOM) };
  const curves = ["signal", "factor"].map((name) => draw("path", { class: `trace ${name}` }, svg));
  const path = (panel, values) =>
    values.map((y, step) => `${step ? "L" : "M"}${across(step).toFixed(1)} ${up(panel, y).toFixed(1)}`).join("");

  const settings = { inverted: false };
  const controls = make("div", "settings", root);
  const texts = {
    threshold: ["threshold", (value) => value.toFixed(2)],
    low: ["lower bound of the factor", String],
    high: ["upper bound of the factor", String],
    every: ["steps per decision", String],
    rise: ["uncertainty added per unit of the factor", (value) => value.toFixed(2)],
  };
  const sliders = Object.entries(texts).map(([name, [text, shown]]) => {
    const values = data.choices[name];
    const label = make("label", "setting", controls);
    make("span", "", label, text);
    const slider = Object.assign(make("input", "", label), { type: "range", min: 0, max: values.length - 1, step: 1, name });
    const output = make("output", "", label);
    const read = () => {
      settings[name] = values[Number(slider.value)];
      output.textContent = shown(settings[name]);
      slider.setAttribute("aria-valuetext", output.textContent);
    };
    slider.addEventListener("input", () => {
      read();
      answer();
    });
    return () => {
      slider.value = values.indexOf(data.start[name]);
      read();
    };
  });
  const sign = make("label", "sign", controls);
  const inverted = Object.assign(make("input", "", sign), { type: "checkbox", name: "inverted" });
  sign.append(" inverted rule: raise the rate above the threshold, halve it below");
  inverted.addEventListener("change", () => {
    settings.inverted = inverted.checked;
    answer();
  });
  const buttons = make("div", "controls", root);
  const reset = make("button", "", buttons, "The report's rule again");
  reset.type = "button";
  reset.addEventListener("click", () => {
    inverted.checked = settings.inverted = false;
    sliders.forEach((restore) => restore());
    answer();
  });
  const summary = make("dl", "sum", root);
  summary.ariaLive = "polite";
  const shares = [
    "steps at the lower bound",
    "steps at the upper bound",
    "steps above the threshold",
    "above the threshold, last third",
  ].map((text) => {
    make("dt", "", summary, text);
    return make("dd", "", summary);
  });

  const answer = () => {
    const { signals, factors } = train(settings);
    svg.classList.toggle("inverted", settings.inverted); // orange is the report's rule, in both panels
    curves[0].setAttribute("d", path(TOP, signals));
    curves[1].setAttribute("d", path(BOTTOM, factors));
    Object.entries(limits).forEach(([name, move]) => move(settings[name]));
    const percent = (holds) => `${Math.round((100 * holds.filter(Boolean).length) / holds.length)} %`;
    const above = signals.map((u) => u > settings.threshold);
    const low = factors.map((f) => f <= settings.low), high = factors.map((f) => f >= settings.high);
    const lastThird = above.slice(-Math.floor(data.steps / 3));
    [low, high, above, lastThird].forEach((holds, row) => (shares[row].textContent = percent(holds)));
    Object.assign(root, { signals, factors });
  };
  sliders.forEach((restore) => restore());
  answer();
}
