// What changes with the point, in a layer that is drawn anew for each; the tables beside the figures say the same.
class Layer {
  constructor(drawing) {
    this.drawing = drawing;
    this.group = drawn('g', { 'aria-hidden': 'true' });
    drawing.overlay.prepend(this.group);
  }

  show(marks) {
    this.group.replaceChildren(...marks);
  }
}

function label(x, y, text, attributes = {}) {
  return drawn('text', { x, y, 'text-anchor': 'middle', ...attributes }, text);
}

function ring(drawing, panel, x, y) {
  const [cx, cy] = drawing.at(panel, x, y);
  return drawn('circle', { class: 'ring', cx, cy, r: 9 });
}

// A bar a grade for the lines, a dot a grade for the rate, each with its value where there is room for it.
function gradeMarks(drawing, grades) {
  const marks = [];
  for (const [place, , line, rate] of grades) {
    if (drawing.panels.line && line !== null) {
      const slot = Math.abs(drawing.panels.line.x[0]);
      const [x, top] = drawing.at('line', place, line);
      const [, bottom] = drawing.at('line', place, 0);
      const width = Math.min(slot * 0.66, 90);
      if (line > 0) marks.push(drawn('rect', { class: 'bar', x: x - width / 2, y: top, width, height: bottom - top }));
      if (line > 0 && slot >= 40) marks.push(label(x, top - 6, shown.brief(line)));
    }
    if (drawing.panels.rate && rate !== null) {
      const [x, y] = drawing.at('rate', place, rate);
      const [, bottom] = drawing.at('rate', place, 0);
      marks.push(drawn('line', { class: 'stem', x1: x, x2: x, y1: bottom, y2: y }));
      marks.push(drawn('circle', { class: 'rate-dot', cx: x, cy: y, r: 5 }));
      if (Math.abs(drawing.panels.rate.x[0]) >= 40) marks.push(label(x, y - 10, shown.rate(rate)));
    }
  }
  return marks;
}

const overlaps = (one, other) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;

// A circle a rate on its churn curve, the area by the lines lent at it, with the number of loans where it has room.
function churnMarks(drawing, chosen, index) {
  const circles = chosen.map(([curve, rate, churn, loans, line]) => {
    const [cx, cy] = drawing.at('churn', rate, churn);
    const r = Math.max(3, 13 * Math.sqrt(index.largest > 0 ? line / index.largest : 0));
    return { cx, cy, r, loans, colour: index.curves[curve] || index.colours[0] };
  }).sort((one, other) => other.r - one.r);
  const taken = circles.map(({ cx, cy, r }) => ({ left: cx - r, right: cx + r, top: cy - r, bottom: cy + r }));
  const marks = circles.map(({ cx, cy, r, colour }) => {
    const circle = drawn('circle', { class: 'share-of-lines', cx, cy, r });
    circle.style.fill = colour;
    circle.style.stroke = colour;
    return circle;
  });
  for (const { cx, cy, r, loans } of circles) {
    const text = fixed(loans, 0);
    const wide = 7 * text.length;
    const places = [[cx, cy - r - 4], [cx + r + 4 + wide / 2, cy + 4], [cx - r - 4 - wide / 2, cy + 4], [cx, cy + r + 13]];
    const box = ([x, y]) => ({ left: x - wide / 2, right: x + wide / 2, top: y - 11, bottom: y + 1 });
    const free = places.find((place) => taken.every((other) => !overlaps(box(place), other)));
    if (free) {
      taken.push(box(free));
      marks.push(label(...free, text));
    }
  }
  return marks;
}
