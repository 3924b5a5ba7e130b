/** The few things that the views do to the document. Text is only ever text; what has not changed is not touched. */

/**
 * The element with `id`, which is of `type`.
 * @template {Element} E
 * @param {string} id
 * @param {new () => E} type
 * @returns {E}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} with the id ${id}`);
  return found;
}

/**
 * A new element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} [className]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, className = '', ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/**
 * The head of a table's column.
 * @param {string} className
 * @param {...(Node | string)} children
 */
export function columnHead(className, ...children) {
  const head = make('th', className, ...children);
  head.scope = 'col';
  return head;
}

/** @param {Node} node @param {string} text */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} element @param {string} name @param {string} value */
export function mark(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @param {HTMLElement} element @param {boolean} visible */
export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/** An empty sparkline and its line. */
export function makeSpark() {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  for (const [name, value] of [
    ['class', 'spark'],
    ['viewBox', '0 0 120 24'],
    ['preserveAspectRatio', 'none'],
    ['aria-hidden', 'true'],
  ]) {
    svg.setAttribute(name, value);
  }
  svg.append(path);
  return { svg, path };
}

/**
 * Make the children of `parent` those of `items`, in order: one row a key, made once and then updated.
 * @template I
 * @template {{element: Element, update: (item: I) => void}} R
 * @param {Element} parent
 * @param {Map<string, R>} rows what is there, by key; kept by the caller
 * @param {readonly I[]} items
 * @param {(item: I) => string} keyOf
 * @param {(item: I) => R} makeRow
 */
export function reconcile(parent, rows, items, keyOf, makeRow) {
  const keys = new Set(items.map(keyOf));
  for (const [key, row] of rows) {
    if (keys.has(key)) continue;
    row.element.remove();
    rows.delete(key);
  }
  items.forEach((item, index) => {
    const key = keyOf(item);
    const row = rows.get(key) ?? makeRow(item);
    rows.set(key, row);
    row.update(item);
    const there = parent.children[index];
    if (there !== row.element) parent.insertBefore(row.element, there ?? null);
  });
}
