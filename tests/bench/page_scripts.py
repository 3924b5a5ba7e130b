"""What runs in the page while it is measured. Nothing of it touches the page's own modules."""

from __future__ import annotations

LOOK = """(name) => {
  const rows = [...document.querySelectorAll('table.live tbody tr')];
  const cell = rows.find((row) => row.querySelector('th').textContent === name).querySelector('.value');
  window.seen = [];
  let text = '';
  const painted = new MessageChannel();
  painted.port1.onmessage = () => window.seen.push([text, Date.now()]);
  new MutationObserver(() => {
    const now = cell.firstChild.data;
    if (now === text) return;
    text = now;
    painted.port2.postMessage(null);
  }).observe(cell, { characterData: true, childList: true, subtree: true });
}"""
"""Note each value of the metric's row and when it stood there. A task that is posted from an animation frame
runs after that frame has been laid out and painted."""

PAINT = """
window.useful = 0;
window.largest = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.largest = entry.startTime;
}).observe({ type: 'largest-contentful-paint', buffered: true });
const painted = new MessageChannel();
painted.port1.onmessage = () => (window.useful ||= performance.now());
new MutationObserver((_, observer) => {
  const health = document.querySelector('#health[data-tone]:not([data-tone=unknown])');
  const figures = [...document.querySelectorAll('.figures .value')].map((value) => value.textContent);
  // The first figure is a rate, which takes two reports to be known.
  if (!health || figures.length < 2 || figures.slice(1).includes('–')) return;
  observer.disconnect();
  painted.port2.postMessage(null);
}).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
"""
"""Note when the sentence of health and the figures stood there, in milliseconds since navigation began."""

PAINTS = """() => ({
  useful: window.useful,
  largest: window.largest,
  first: performance.getEntriesByName('first-contentful-paint')[0].startTime,
})"""
FIRST = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"

FRAMES = """async (seconds) => {
  const tasks = [];
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries()));
  observer.observe({ type: 'longtask' });
  const times = [];
  await new Promise((done) => {
    const frame = (now) => {
      times.push(now);
      if (now - times[0] < seconds * 1000) requestAnimationFrame(frame);
      else done();
    };
    requestAnimationFrame(frame);
  });
  observer.disconnect();
  const gaps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
  return {
    rate: ((times.length - 1) * 1000) / (times.at(-1) - times[0]),
    worst: gaps.at(-1),
    late: gaps[Math.floor(gaps.length * 0.99)],
    tasks: tasks.map((task) => task.duration),
  };
}"""
"""Animation frames for so many seconds, and tasks of more than 50 ms, the length of each in milliseconds."""

IN_SIGHT = """() => [...document.querySelectorAll('canvas')].filter((canvas) => {
  const { top, bottom } = canvas.getBoundingClientRect();
  return top < innerHeight && bottom > 0;
}).length"""

UNTIL = """async () => {
  for (;;) {
    const found = %s;
    if (found) return found;
    await new Promise(requestAnimationFrame);
  }
}"""
"""Playwright's own waiting for a function evaluates text, which the page's policy forbids."""
