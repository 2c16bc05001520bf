// What belongs to a point, drawn over the figures: each panel has a map from its data to the figure's own coordinates.
const REACH = 26; // how near to a point a click must be, in units of the figure

class Drawing {
  constructor(figure, panels) {
    const base = figure.querySelector('svg');
    this.panels = panels;
    this.overlay = drawn('svg', { viewBox: base.getAttribute('viewBox'), class: 'overlay' });
    base.after(this.overlay);
  }

  at(panel, x, y) {
    const { x: [a, b], y: [c, d] } = this.panels[panel];
    return [a * x + b, c * y + d];
  }
}

// The sign of a series: a circle, a square, a triangle or a diamond, so that colour alone tells nothing.
function sign(shape, cx, cy, r) {
  const path = {
    square: `M${cx - r} ${cy - r}h${2 * r}v${2 * r}h${-2 * r}Z`,
    triangle: `M${cx} ${cy - 1.3 * r}L${cx + 1.2 * r} ${cy + r}H${cx - 1.2 * r}Z`,
    diamond: `M${cx} ${cy - 1.4 * r}L${cx + 1.4 * r} ${cy}L${cx} ${cy + 1.4 * r}L${cx - 1.4 * r} ${cy}Z`,
  }[shape];
  return path ? drawn('path', { d: path }) : drawn('circle', { cx, cy, r });
}
const SHAPES = ['circle', 'square', 'triangle', 'diamond'];

// Points that can be chosen: the arrow keys go from one to the next, Enter and the space bar choose, a click the nearest.
class ChoosablePoints {
  // points: at, the point's position; x and y; series; isKnee. options: label, nameOf(at), choose(at), colours.
  constructor(drawing, panel, points, options) {
    this.drawing = drawing;
    this.options = options;
    this.group = drawn('g', { role: 'group', 'aria-label': options.label });
    this.points = points.map((point) => ({ ...point, place: drawing.at(panel, point.x, point.y) }));
    this.marks = this.points.map((point) => this.mark(point));
    this.group.append(...this.marks);
    drawing.overlay.append(this.group);
    drawing.overlay.addEventListener('click', (event) => this.clicked(event));
    this.group.addEventListener('keydown', (event) => this.pressed(event));
  }

  mark({ at, place: [cx, cy], series, isKnee }) {
    const { nameOf, colours } = this.options;
    const mark = drawn('g', { role: 'button', tabindex: '-1', class: 'point', 'aria-label': nameOf(at), 'data-point': at });
    const dot = sign(isKnee ? 'diamond' : SHAPES[series % SHAPES.length], cx, cy, isKnee ? 5 : 4);
    dot.setAttribute('class', 'dot');
    dot.style.fill = isKnee ? 'var(--marked)' : colours[series % colours.length];
    mark.append(drawn('title', {}, nameOf(at)), drawn('circle', { class: 'halo', cx, cy, r: 10 }), dot);
    if (isKnee) mark.append(label(cx - 10, cy - 10, 'knee', { class: 'knee', 'text-anchor': 'end' }));
    return mark;
  }

  // Of points at one place each click takes the next.
  clicked(event) {
    const matrix = this.drawing.overlay.getScreenCTM().inverse();
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    const far = this.points.map(({ place }) => Math.hypot(place[0] - x, place[1] - y));
    const nearest = Math.min(...far);
    if (nearest > REACH) return;
    const there = this.points.filter((_, at) => far[at] <= nearest + 0.5).map(({ at }) => at);
    this.options.choose(there[(there.indexOf(this.chosen) + 1) % there.length]);
  }

  pressed(event) {
    const from = this.marks.indexOf(event.target.closest('.point'));
    const last = this.marks.length - 1;
    const to = { ArrowRight: from + 1, ArrowUp: from + 1, ArrowLeft: from - 1, ArrowDown: from - 1, Home: 0, End: last }[event.key];
    if (to !== undefined) this.focus(Math.min(Math.max(to, 0), last));
    else if (event.key === 'Enter' || event.key === ' ') this.options.choose(this.points[from].at);
    else return;
    event.preventDefault();
  }

  focus(place) {
    this.marks.forEach((mark, at) => mark.setAttribute('tabindex', at === place ? '0' : '-1'));
    this.marks[place].focus();
  }

  show(chosen) {
    this.chosen = chosen;
    const place = this.points.findIndex(({ at }) => at === chosen);
    this.marks.forEach((mark, at) => {
      mark.setAttribute('tabindex', at === Math.max(place, 0) ? '0' : '-1');
      if (at === place) mark.setAttribute('aria-current', 'true');
      else mark.removeAttribute('aria-current');
    });
  }
}
