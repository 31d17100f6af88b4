// JSON-RPC over one WebSocket that comes back by itself.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 5_000;
const BEAT = 2_000;
const PATIENCE = 10_000;

export class RpcError extends Error {}

export class Connection {
  // `onState` hears "connecting", "live" and "lost" (with the milliseconds until it tries again);
  // `onNotice` the subscription and result of each notification.
  constructor(url, { onState, onNotice, onBeat }) {
    Object.assign(this, { url, onState, onNotice, onBeat });
    this.wait = FIRST_WAIT;
    this.lastId = 0;
    this.asked = new Map();
    this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    this.onState("connecting");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => {
      this.wait = FIRST_WAIT;
      this.beat = setInterval(() => this.onBeat(), BEAT);
      this.onState("live");
    };
    socket.onmessage = (event) => this.receive(JSON.parse(event.data));
    socket.onclose = () => this.lose(socket);
  }

  lose(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    clearInterval(this.beat);
    for (const { reject } of this.asked.values()) reject(new RpcError("the connection was lost"));
    this.asked.clear();
    this.onState("lost", this.wait);
    this.timer = setTimeout(() => this.connect(), this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
  }

  // Try again at once, where it is not trying already.
  retry() {
    if (!this.socket) this.connect();
  }

  // The result of one request.
  async ask(method, ...params) {
    const [answer] = await this.batch([[method, ...params]]);
    if (answer.error) throw new RpcError(answer.error.message);
    return answer.result;
  }

  // The answers to several requests, all from the same block: each has a result or an error.
  batch(requests) {
    if (this.socket?.readyState !== WebSocket.OPEN) {
      return Promise.reject(new RpcError("there is no connection"));
    }
    const first = this.lastId + 1;
    this.lastId += requests.length;
    this.socket.send(JSON.stringify(requests.map(([method, ...params], place) => (
      { jsonrpc: "2.0", id: first + place, method, params }
    ))));
    const socket = this.socket;
    return new Promise((resolve, reject) => {
      // A connection that went away without a word is only noticed by its silence.
      const silence = setTimeout(() => { socket.close(); this.lose(socket); }, PATIENCE);
      const done = (settle) => (value) => { clearTimeout(silence); settle(value); };
      this.asked.set(first, { resolve: done(resolve), reject: done(reject) });
    });
  }

  receive(message) {
    if (message.method === "eth_subscription") {
      this.onNotice(message.params.subscription, message.params.result);
      return;
    }
    const answers = [message].flat().sort((one, other) => one.id - other.id);
    const waiting = this.asked.get(answers[0].id);
    this.asked.delete(answers[0].id);
    waiting?.resolve(answers);
  }
}
