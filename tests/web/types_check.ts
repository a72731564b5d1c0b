// What a caller writes, and what the types must not let pass. Only compiled, never run.
import {
  ClientIdError,
  QuotaExceededError,
  RateLimitedError,
  TurnBrokerError,
  turnbroker,
  type CallRequest,
  type CutEvent,
  type TurnAddr,
} from "turnbroker";

const broker = turnbroker({ baseUrl: "https://relay.example", apiKey: "key", fetch });
turnbroker();
const request: CallRequest = { cspID: "acme", mediaType: "video", clientName: "alice", ttl: 60 };

export async function calls(): Promise<RTCPeerConnection> {
  const address: TurnAddr = await broker.getTurnAddr("acme", "audio", "alice");
  const urls: string[] = (await broker.getTurnAddr(request)).urls;
  const { username, password, uris } = await broker.getTurnCredentials(address);
  await broker.getTurnCredentials(address.clientID);
  const all: [string, number] = [username + password + uris.concat(urls).join(), address.expiry];
  const { expiry, ttl } = await broker.iceServers(request);
  // A browser takes it as it is.
  const configuration: RTCConfiguration & { clientID: string } = await broker.rtcConfiguration(request);
  const watch = broker.watch(configuration.clientID, {
    onUsage: (event) => all.push(event.event === "usage" ? String(event.used_octets) : expiry + ttl),
    onThreshold: ({ percent }) => percent > 80,
    onCut(event: CutEvent) {
      return event.reason === "quota_exhausted";
    },
    onError: (error) => error.retrying,
  });
  watch.close();
  return new RTCPeerConnection(configuration);
}

export function told(error: unknown): Date | number | boolean | null | undefined {
  if (error instanceof QuotaExceededError) return error.periodEnd;
  if (error instanceof RateLimitedError) return error.retryAfter;
  if (error instanceof ClientIdError) return error.expired;
  if (error instanceof TurnBrokerError) return error.problem === null ? null : error.status;
  return undefined;
}

// @ts-expect-error no such media type
void broker.getTurnAddr("acme", "text", "alice");
// @ts-expect-error a client's name is needed
void broker.rtcConfiguration({ cspID: "acme", mediaType: "video" });
// @ts-expect-error no such reason
export const reason: CutEvent["reason"] = "bored";
// @ts-expect-error no such handler
broker.watch("tb1.x", { onEnd() {} });
// @ts-expect-error read-only
new TurnBrokerError("").status = 200;
