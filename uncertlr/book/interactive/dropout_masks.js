(root, data) => {
  "use strict";
  const entropy = (probs) => probs.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
  const softmax = (logits) => {
    const largest = Math.max(...logits);
    const powers = logits.map((logit) => Math.exp(logit - largest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
  };
  const answer = (mask) =>
    softmax(
      data.weight.map((row, c) =>
        row.reduce((sum, w, unit) => sum + (mask[unit] ? (w * data.hidden[unit]) / (1 - data.p) : 0), data.bias[c]),
      ),
    );

  const keep = data.keep.map((row) => [...row]);
  root.replaceChildren();
  if (data.image.length) {
    const image = make("div", "image", root);
    image.style.gridTemplateColumns = `repeat(${data.image[0].length}, 1fr)`;
    image.role = "img";
    image.ariaLabel = "the image that the network is asked about";
    data.image.flat().forEach((value) => {
      make("span", "", image).style.background = `rgb(${Array(3).fill(Math.round(255 * value))})`;
    });
  }
  const legend = make("div", "legend", root);
  data.classes.forEach((name, c) => make("span", `key class-${c}`, legend, `class ${name}`));
  const makeBar = (row, numbered = true) => {
    const bar = make("div", "bar", row);
    const parts = data.classes.map((_, c) => make("span", `class-${c}`, bar));
    return (probs) =>
      parts.forEach((part, c) => {
        part.style.width = `${100 * probs[c]}%`;
        const width = probs[c] * bar.clientWidth; // pixels; a number of two decimals takes about 32
        part.textContent = numbered && width > 36 ? probs[c].toFixed(2) : "";
        part.title = `class ${data.classes[c]}: ${probs[c].toFixed(3)}`;
      });
  };

  const heads = make("div", "line heads", root);
  ["units kept", "probabilities", "entropy"].forEach((text) => make("div", text === "units kept" ? "units" : "", heads, text));

  const buttons = [];
  const rows = keep.map((mask, t) => {
    const row = make("div", "line", root);
    const units = make("div", "units", row);
    mask.forEach((_, unit) => {
      // an activation of 0 stays 0, kept or dropped
      const button = make("button", data.hidden[unit] === 0 ? "unit idle" : "unit", units);
      button.type = "button";
      button.tabIndex = t + unit === 0 ? 0 : -1;
      button.addEventListener("click", () => {
        mask[unit] = !mask[unit];
        draw();
      });
      buttons.push({ button, t, unit });
    });
    return { draw: makeBar(row), entropy: make("output", "entropy", row) };
  });
  const last = make("div", "line mean", root);
  make("div", "units", last, "mean");
  const drawMean = makeBar(last, false);
  const ofMean = make("output", "entropy", last);
  // below the bar, where the number of a narrow part has room, too
  const list = make("div", "legend", last);
  const means = data.classes.map((name, c) => make("output", `key class-${c}`, list));
  const sum = make("p", "sum", root);
  sum.ariaLive = "polite";

  const draw = () => {
    buttons.forEach(({ button, t, unit }) => {
      button.ariaPressed = String(keep[t][unit]);
      button.ariaLabel = `mask ${t + 1}, unit ${unit + 1}: ${keep[t][unit] ? "kept" : "dropped"}${data.hidden[unit] === 0 ? ", activation 0" : ""}`;
    });
    const probs = keep.map(answer);
    const entropies = probs.map(entropy);
    const mean = data.classes.map((_, c) => probs.reduce((total, row) => total + row[c], 0) / probs.length);
    const expected = entropies.reduce((total, value) => total + value, 0) / entropies.length;
    const predictive = entropy(mean);
    rows.forEach((row, t) => {
      row.draw(probs[t]);
      row.entropy.textContent = entropies[t].toFixed(2);
    });
    drawMean(mean);
    ofMean.textContent = predictive.toFixed(2);
    means.forEach((output, c) => {
      output.textContent = mean[c].toFixed(2);
      output.ariaLabel = `mean probability of class ${data.classes[c]}: ${output.textContent}`;
    });
    sum.textContent =
      `Entropy of the mean ${predictive.toFixed(2)} = mean of the entropies ${expected.toFixed(2)} ` +
      `+ mutual information ${Math.max(0, predictive - expected).toFixed(2)} (nats)`;
    Object.assign(root.dataset, { predictive, expected });
  };

  // one stop of the tab key; arrow keys move between units and masks
  root.addEventListener("keydown", (event) => {
    const at = buttons.findIndex(({ button }) => button === document.activeElement);
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: data.hidden.length, ArrowUp: -data.hidden.length };
    const next = at >= 0 && event.key in steps ? buttons[at + steps[event.key]] : undefined;
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[at].button.tabIndex = -1;
    next.button.tabIndex = 0;
    next.button.focus();
  });

  const controls = make("div", "controls", root);
  const control = (text, change) => {
    const button = make("button", "", controls, text);
    button.type = "button";
    button.addEventListener("click", () => {
      keep.forEach((mask) => mask.forEach((_, unit) => (mask[unit] = change())));
      draw();
    });
  };
  control("Draw new masks", () => Math.random() >= data.p);
  control("Keep all units", () => true);
  window.addEventListener("resize", draw);
  draw();
}
