(root, data) => {
  "use strict";
  const WIDTH = 640, LEFT = 88, RIGHT = 626, HEIGHT = 470;
  const GAP = { from: 34, to: 254 }, COUNTS = { from: 304, to: 414 };
  const across = (confidence) => LEFT + confidence * (RIGHT - LEFT);
  // in a bin of few examples a gap is noise
  const large = (bins) => bins.filter(([, count]) => count >= data.few);
  const gaps = data.curves.flatMap(large).map(([, , confidence, accuracy]) => accuracy - confidence);
  const least = Math.floor(Math.min(-0.1, ...gaps) * 10) / 10, most = Math.ceil(Math.max(0.1, ...gaps) * 10) / 10;
  const up = (gap) => GAP.to - ((gap - least) / (most - least)) * (GAP.to - GAP.from);
  const decades = Math.ceil(Math.log10(Math.max(...data.curves.flat().map(([, count]) => count)) + 1));
  // half a decade below 1, so that a bin with one example is seen
  const high = (count) => COUNTS.to - ((Math.log10(count) + 0.5) / (decades + 0.5)) * (COUNTS.to - COUNTS.from);

  root.replaceChildren();
  const svg = draw("svg", { class: "reliability", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }, root);
  [GAP, COUNTS].forEach(({ from, to }) => {
    draw("line", { class: "axis", x1: LEFT, x2: LEFT, y1: from, y2: to }, svg);
    draw("line", { class: "axis", x1: LEFT, x2: RIGHT, y1: to, y2: to }, svg);
  });
  draw("line", { class: "limit", x1: LEFT, x2: RIGHT, y1: up(0), y2: up(0) }, svg);
  const tick = (y, text) => draw("text", { x: LEFT - 8, y: y + 6, "text-anchor": "end" }, svg, text);
  [least, 0, most].forEach((gap) => tick(up(gap), gap ? gap.toFixed(1).replace("-", "−") : "0"));
  Array.from({ length: decades + 1 }, (_, power) => 10 ** power)
    .filter((count, power) => power % 2 === 0 || decades < 3)
    .forEach((count) => tick(high(count), count.toLocaleString("en")));
  [0, 0.25, 0.5, 0.75, 1].forEach((confidence, index) => {
    const anchor = ["start", "middle", "middle", "middle", "end"][index];
    draw("text", { x: across(confidence), y: COUNTS.to + 22, "text-anchor": anchor }, svg, String(confidence));
  });
  draw("text", { x: (LEFT + RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, svg, "confidence");
  draw("text", { x: LEFT, y: GAP.from - 14 }, svg, "accuracy − confidence");
  draw("text", { x: LEFT, y: COUNTS.from - 14 }, svg, "examples in each bin");
  const plot = draw("g", {}, svg);

  const controls = make("div", "settings", root);
  const label = make("label", "setting", controls);
  make("span", "", label, "epoch");
  const slider = Object.assign(make("input", "", label), {
    type: "range", min: 0, max: data.epochs.length - 1, step: 1, value: data.start,
  });
  const output = make("output", "", label);
  const summary = make("p", "sum", root);
  summary.ariaLive = "polite";

  const answer = () => {
    const chosen = Number(slider.value), bins = data.curves[chosen];
    plot.replaceChildren();
    const points = large(bins).map(([, , confidence, accuracy]) => [across(confidence), up(accuracy - confidence)]);
    draw("polyline", { class: "trace", points: points.join(" ") }, plot);
    points.forEach(([cx, cy]) => draw("circle", { class: "point", cx, cy, r: 5 }, plot));
    bins.forEach(([bin, count]) => {
      const from = across(bin / data.bins), width = across((bin + 1) / data.bins) - from;
      draw("rect", { class: "count", x: from + 2, width: width - 4, y: high(count), height: COUNTS.to - high(count) }, plot);
    });
    const total = bins.reduce((sum, [, count]) => sum + count, 0);
    const mean = (value) => bins.reduce((sum, bin) => sum + bin[1] * value(bin), 0) / total;
    const numbers = {
      epoch: data.epochs[chosen],
      accuracy: mean(([, , , accuracy]) => accuracy),
      confidence: mean(([, , confidence]) => confidence),
      ece: mean(([, , confidence, accuracy]) => Math.abs(accuracy - confidence)),
    };
    Object.assign(root.dataset, numbers);
    output.textContent = numbers.epoch;
    slider.setAttribute("aria-valuetext", `epoch ${numbers.epoch}`);
    summary.textContent =
      `Epoch ${numbers.epoch}: accuracy ${numbers.accuracy.toFixed(3)}, mean confidence ` +
      `${numbers.confidence.toFixed(3)}, ECE ${numbers.ece.toFixed(3)}.`;
  };
  slider.addEventListener("input", answer);
  answer();
}
