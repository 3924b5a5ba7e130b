import { reduce } from '../../../web/dashboard/src/core/dashboard-core.js';
import { INITIAL } from '../../../web/dashboard/src/core/link.js';
import { hello, metrics, status } from './frames.mjs';

/**
 * A page in simulated time, before a server whose transports can be broken: `up`: connections are accepted,
 * `dumb`: nothing is said on them.
 */
export class World {
  constructor(wanted = 'websocket', { websocket = 'up', realtime = 'up', now = 1_000_000 } = {}) {
    this.model = INITIAL;
    this.now = now;
    this.began = now;
    this.next = 0;
    this.is = { websocket, realtime };
    this.open = { websocket: false, realtime: false };
    this.counts = new Map();
    this.asked = [];
    this.opens = [];
    /** Milliseconds until one that was opened greets. */
    this.lag = 0;
    this.greetings = [];
    this.polling = false;
    /** Milliseconds from one tick to the next, and from one status to the next; whether metrics flow. */
    this.tick = 250;
    this.beat = 1_000;
    this.flows = true;
    this.tell({ type: 'wanted', transport: wanted, by: 'flag' });
  }

  tell(event) {
    const { model, effects, fresh } = reduce(this.model, { ...event, at: this.now, chance: 0.5 });
    this.model = model;
    for (const { offset } of fresh) this.counts.set(offset, (this.counts.get(offset) ?? 0) + 1);
    for (const effect of effects) this.perform(effect);
  }

  perform(effect) {
    const { transport: name } = effect;
    if (effect.type === 'close') {
      this.open[name] = false;
      this.greetings = this.greetings.filter((each) => each.name !== name);
    }
    if (effect.type === 'poll') this.polling = effect.on;
    if (effect.type === 'ask') this.asked.push(effect);
    if (effect.type !== 'open') return;
    this.opens.push({ name, at: this.now, from: effect.from });
    if (this.is[name] === 'refused') {
      this.tell({ type: 'moved', transport: name, phase: 'refused', detail: 'not set up' });
    } else if (this.is[name] === 'down') {
      this.tell({ type: 'moved', transport: name, phase: 'closed', detail: 'no connection' });
    } else {
      const greet = () => {
        this.open[name] = true;
        this.say(name, hello(this.next));
      };
      if (this.lag > 0) this.greetings.push({ name, at: this.now + this.lag, greet });
      else greet();
    }
  }

  /** A frame on a transport, if it is open and says anything. */
  say(name, frame) {
    if (this.open[name] && this.is[name] === 'up') this.tell({ type: 'frame', transport: name, frame });
  }

  /** A transport breaks, and stays as `how`. */
  break(name, how) {
    this.is[name] = how;
    if (how === 'dumb' || !this.open[name]) return;
    this.open[name] = false;
    // Who was asked has gone, and will not answer.
    if (name === 'websocket') this.asked = this.asked.filter(({ by }) => by === 'http');
    this.tell({ type: 'moved', transport: name, phase: 'closed', detail: 'it broke off' });
  }

  /** Time goes by: ticks and statuses as set, and some metrics on whatever is open. */
  run(milliseconds, each = () => {}) {
    for (const end = this.now + milliseconds; this.now < end; ) {
      this.now += 250;
      const due = this.greetings.filter(({ at }) => at <= this.now);
      this.greetings = this.greetings.filter(({ at }) => at > this.now);
      for (const { greet } of due) greet();
      if (this.flows) {
        const frame = { ...metrics(this.next, this.next + 2), at: (this.now - 5) * 1e6 };
        this.next += 3;
        for (const name of ['websocket', 'realtime']) this.say(name, frame);
      }
      if ((this.now - this.began) % this.beat === 0)
        for (const name of ['websocket', 'realtime']) this.say(name, status());
      if ((this.now - this.began) % this.tick === 0) this.tell({ type: 'tick' });
      for (const { first, last } of this.asked.splice(0)) {
        this.tell({ type: 'frame', transport: 'backfill', frame: metrics(first, last) });
      }
      each(this);
    }
    return this;
  }

  get link() {
    return this.model.link;
  }
}
