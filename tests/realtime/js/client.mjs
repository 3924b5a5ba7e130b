// Drives the official JavaScript client: a command a line on standard input, an event a line on standard output.
// Started with the address and the key; tests/realtime/clients.py is the other side.

import { createInterface } from "node:readline";
import { RealtimeClient } from "@supabase/realtime-js";

const [url, key] = process.argv.slice(2);
const client = new RealtimeClient(url, { params: { apikey: key }, reconnectAfterMs: () => 100 });
const channels = new Map();

/** @param {object} event */
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const commands = {
  subscribe({ topic, config }) {
    const channel = client.channel(topic, { config });
    channels.set(topic, channel);
    channel.on("broadcast", { event: "*" }, ({ event, payload }) => say({ got: topic, event, payload }));
    channel.subscribe((state, error) => say({ state, topic, error: error ? String(error.message) : "" }));
  },
  async leave({ topic }) {
    await client.removeChannel(channels.get(topic));
    say({ left: topic });
  },
  async send({ topic, event, payload }) {
    say({ sent: topic, result: await channels.get(topic).send({ type: "broadcast", event, payload }) });
  },
  async post({ topic, event, payload }) {
    try {
      await channels.get(topic).httpSend(event, payload);
      say({ posted: topic, error: "" });
    } catch (error) {
      say({ posted: topic, error: String(error.message) });
    }
  },
  async auth({ token }) {
    await client.setAuth(token);
    say({ auth: true });
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...rest } = JSON.parse(line);
  await commands[name](rest);
}
process.exit(0);
