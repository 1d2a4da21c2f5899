// What all figures draw with; it stands before a figure's own function.
const make = (tag, className, parent, text = "") => {
  const element = Object.assign(document.createElement(tag), { className, textContent: text });
  // JupyterLab takes the keys of whatever has the focus, unless that very element says not to
  if (["input", "button"].includes(tag)) element.dataset.lmSuppressShortcuts = "true";
  parent.append(element);
  return element;
};
const draw = (tag, attributes, parent, text = "") => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  element.textContent = text;
  parent.append(element);
  return element;
};
