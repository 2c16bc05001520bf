// How numbers and texts are shown.
const NONE = '–';
const formats = new Map();

function fixed(value, digits) {
  if (value === null) return NONE;
  if (value === 0) return '0';
  if (!formats.has(digits)) {
    formats.set(digits, new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }
  return formats.get(digits).format(value).replace('-', '−');
}

const exactly = new Intl.NumberFormat('en', { maximumSignificantDigits: 10 });
const briefly = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const shown = {
  number: (value, column) => fixed(value, column.digits),
  exact: (value) => (value === null ? NONE : exactly.format(value).replace('-', '−')),
  rate: (value) => (value === null ? NONE : `${fixed(100 * value, 2)} %`),
  text: (value) => value,
  brief: (value) => (Math.abs(value) >= 1e4 ? fixed(value, 0) : briefly.format(value).replace('-', '−')),
};

const isChinese = (text) => /[\u3400-\u9fff]/.test(text) && !/[\u3040-\u30ff\uac00-\ud7a3]/.test(text);

// An element with attributes and children; text only ever becomes text.
function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// Text of others, kept apart from the direction in which the words around it are written.
function told(text) {
  return made('bdi', { lang: isChinese(text) ? 'zh-Hans' : null }, text);
}

function drawn(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, typeof value === 'number' ? +value.toFixed(2) : value);
  }
  element.append(...children);
  return element;
}

const counted = (number, one, many = `${one}s`) => `${fixed(number, 0)} ${number === 1 ? one : many}`;

// A box that scrolls can be reached by the keyboard and has a name; one that does not is no stop on the way.
function keepInReach(...boxes) {
  for (const box of boxes) {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    const name = (box.querySelector('caption') || box.querySelector('title'))?.textContent || 'Figure';
    for (const [attribute, value] of [['tabindex', '0'], ['role', 'group'], ['aria-label', name]]) {
      if (scrolls) box.setAttribute(attribute, value);
      else box.removeAttribute(attribute);
    }
  }
}
const keepAllInReach = () => keepInReach(...document.querySelectorAll('.scroll'));
