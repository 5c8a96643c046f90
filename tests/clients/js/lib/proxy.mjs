// A reverse proxy on this machine that says who its client is, as proxies do: so that a client of the test is not local.

import { connect, createServer } from "node:net";

/// Starts a proxy before the gateway that names `client` in X-Forwarded-For; resolves with its address and its end.
export function proxy(gateway, client) {
  const { hostname, port } = new globalThis.URL(gateway);
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    let begun = false;
    near.on("data", (data) => {
      // The request's head comes in one piece from a client on this machine.
      const at = begun ? 0 : data.indexOf("\r\n") + 2;
      begun = true;
      if (at > 0) {
        far.write(data.subarray(0, at));
        far.write(`X-Forwarded-For: ${client}\r\n`);
      }
      far.write(data.subarray(at));
    });
    far.on("data", (data) => near.write(data));
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on("end", () => other.end());
      one.on("error", () => other.destroy());
    }
  });
  const { promise, resolve } = Promise.withResolvers();
  server.listen(0, "127.0.0.1", () => resolve({
    url: `ws://127.0.0.1:${server.address().port}`,
    stop: () => server.close(),
  }));
  return promise;
}
