/** Types of turnbroker.js, which says more. */

export type MediaType = "audio" | "video" | "data";
/** The present one: "2026-11", "2026-11-20" or "total". */
export type Period = string;

/** Who calls, and on whose account. */
export interface CallRequest {
  cspID: string;
  mediaType: MediaType;
  clientName: string;
  /** Seconds that the credentials are good for. */
  ttl?: number;
}

export interface TurnAddr {
  clientID: string;
  /** TURN URIs (RFC 7065), the best first. */
  urls: string[];
  /** The relay's id. */
  relay: string;
  /** Unix time in seconds. */
  expiry: number;
  /** Seconds. */
  ttl: number;
}

/** As RTCIceServer, without a need for the types of a browser. */
export interface IceServer {
  urls: string[];
  username: string;
  credential: string;
}

export interface TurnCredentials {
  username: string;
  password: string;
  /** Seconds. */
  ttl: number;
  uris: string[];
  iceServers: IceServer[];
}

export interface IceServers extends TurnCredentials {
  clientID: string;
  /** Unix time in seconds. */
  expiry: number;
}

/** An RTCConfiguration; clientID is for watch(). */
export interface RelayConfiguration {
  iceServers: IceServer[];
  iceTransportPolicy: "relay";
  clientID: string;
}

interface AccountEvent {
  readonly cspID: string;
  readonly mediaType: MediaType;
  readonly period: Period;
  readonly limit_octets: number;
  readonly used_octets: number;
  /** RFC 3339, with milliseconds, UTC. */
  readonly at: string;
}

export interface UsageEvent extends AccountEvent {
  readonly event: "usage";
}

export interface ThresholdEvent extends AccountEvent {
  readonly event: "threshold";
  /** Of the limit; 100: it is used up. */
  readonly percent: number;
}

export interface CutEvent extends AccountEvent {
  readonly event: "cut";
  readonly clientName: string;
  readonly clientID?: string;
  readonly allocation: string;
  readonly reason: "quota_exhausted" | "cancelled" | "revoked" | "expired" | "shutdown";
}

export interface RestoredEvent extends AccountEvent {
  readonly event: "restored";
}

export interface LostEvent {
  readonly event: "lost";
  /** How many at most, of all accounts; 0: nobody knows. */
  readonly events: number;
}

export interface WatchHandlers {
  /** The account's used octets, at the start and whenever they have changed; at most once a second. */
  onUsage?(event: UsageEvent): void;
  onThreshold?(event: ThresholdEvent): void;
  /** An allocation of this client was ended by the relay. */
  onCut?(event: CutEvent): void;
  /** The account is not exhausted any more. */
  onRestored?(event: RestoredEvent): void;
  /** Events that cannot be told any more; the next usage says how the account stands. */
  onLost?(event: LostEvent): void;
  /** error.retrying: the watch goes on by itself; otherwise it has ended. */
  onError?(error: TurnBrokerError): void;
}

export interface Watch {
  close(): void;
}

export interface Problem {
  readonly type: string;
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly [member: string]: unknown;
}

export interface TurnBrokerErrorDetails {
  type?: string;
  status?: number;
  problem?: Problem | null;
  retryAfter?: number | null;
  cause?: unknown;
}

export class TurnBrokerError extends Error {
  constructor(message: string, about?: TurnBrokerErrorDetails);
  /** The last part of the problem's type, such as "quota-exceeded"; "network" without an answer. */
  readonly type: string;
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly problem: Problem | null;
  /** Seconds after which another try makes sense. */
  readonly retryAfter: number | null;
  /** In onError only. */
  readonly retrying: boolean;
}

export class QuotaExceededError extends TurnBrokerError {
  readonly cspID: string;
  readonly mediaType: MediaType;
  /** Set when it is only this client's own part that is used up. */
  readonly clientName: string | null;
  readonly period: Period;
  readonly limitOctets: number;
  readonly usedOctets: number;
  /** When a new period begins; null when none does. */
  readonly periodEnd: Date | null;
}
export class UnknownCspError extends TurnBrokerError {}
export class BadMediaTypeError extends TurnBrokerError {}
export class NoQuotaError extends TurnBrokerError {}
export class NoRelayError extends TurnBrokerError {}
export class UnauthorizedError extends TurnBrokerError {}
export class OriginError extends TurnBrokerError {}
export class RateLimitedError extends TurnBrokerError {}
export class ClientIdError extends TurnBrokerError {
  readonly expired: boolean;
}
export class NetworkError extends TurnBrokerError {}

export interface TurnBrokerOptions {
  /** Where the API is; by default where the module was loaded from. */
  baseUrl?: string | URL;
  /** Of the CSP. For back ends only: a page must not hold one. */
  apiKey?: string;
  fetch?: typeof fetch;
}

export class TurnBroker {
  constructor(options?: TurnBrokerOptions);
  getTurnAddr(request: CallRequest): Promise<TurnAddr>;
  getTurnAddr(cspID: string, mediaType: MediaType, clientName: string): Promise<TurnAddr>;
  getTurnCredentials(clientID: string | { clientID: string }): Promise<TurnCredentials>;
  iceServers(request: CallRequest): Promise<IceServers>;
  iceServers(cspID: string, mediaType: MediaType, clientName: string): Promise<IceServers>;
  rtcConfiguration(request: CallRequest): Promise<RelayConfiguration>;
  rtcConfiguration(cspID: string, mediaType: MediaType, clientName: string): Promise<RelayConfiguration>;
  watch(clientID: string | { clientID: string }, handlers?: WatchHandlers): Watch;
}

export function turnbroker(options?: TurnBrokerOptions): TurnBroker;
