#include "support/turn_client.h"

#include <poll.h>

#include <algorithm>
#include <stdexcept>

#include "support/socket_setup.h"
#include "support/stun_wire.h"

namespace turntest {
namespace {

TransportOptions transport_options(const ClientOptions& options) {
  TransportOptions result;
  result.kind = options.transport;
  result.server = options.server;
  result.local = options.local;
  result.timeout = options.timeout;
  result.buffer_octets = options.buffer_octets;
  result.reset_on_close = options.reset_on_close;
  return result;
}

}  // namespace

TurnClient::TurnClient(ClientOptions options)
    : options_(std::move(options)),
      transport_(open_transport(transport_options(options_))),
      transactions_(options_.credentials, transport_->is_stream(), options_.first_retransmission,
                    [this](ByteView message) { send_raw(message); }),
      frame_handler_([this](ByteView frame) { take_frame(frame); }) {}

TurnClient::~TurnClient() = default;

std::size_t TurnClient::poll() {
  transport_->flush();
  const std::size_t frames = transport_->receive(frame_handler_);
  if (transport_->closed() && !transactions_.idle()) transactions_.fail_all(why_closed());
  return frames;
}

template <typename Finished>
bool TurnClient::run_until(TimePoint deadline, Finished finished) {
  for (;;) {
    poll();
    transactions_.advance(Clock::now());
    if (finished()) return true;
    if (Clock::now() >= deadline || closed()) return false;
    const TimePoint until = idle() ? deadline : std::min(deadline, next_event());
    const int events = POLLIN | (transport_->has_unsent() ? POLLOUT : 0);
    wait_for(descriptor(), static_cast<short>(events), until);
  }
}

Outcome TurnClient::run(const std::function<void(Done)>& start) {
  // A request ends by itself at its own deadline; this one only bounds a defect of ours.
  const TimePoint deadline = Clock::now() + options_.timeout * 2;
  const auto result = std::make_shared<std::optional<Outcome>>();
  start([result](const Outcome& outcome) { *result = outcome; });
  run_until(deadline, [&] { return result->has_value(); });
  return result->value_or(closed() ? Outcome{Outcome::Kind::closed, 0, why_closed()}
                                   : Outcome{Outcome::Kind::timed_out, 0, ""});
}

void TurnClient::start_request(Request request, Completion completion) {
  transactions_.start(std::move(request), options_.timeout, std::move(completion));
}

Outcome TurnClient::request(Request request, Completion inspect) {
  return run([&](Done done) {
    start_request(std::move(request), [done = std::move(done), inspect = std::move(inspect)](
                                          const Outcome& outcome, const StunMessage* response) {
      if (inspect) inspect(outcome, response);
      done(outcome);
    });
  });
}

void TurnClient::set_credentials(Credentials credentials) {
  options_.credentials = credentials;
  transactions_.set_credentials(std::move(credentials));
}

std::optional<OwnedData> TurnClient::receive(Milliseconds timeout) {
  run_until(Clock::now() + timeout, [&] { return !inbox_.empty(); });
  if (inbox_.empty()) return std::nullopt;
  OwnedData data = std::move(inbox_.front());
  inbox_.pop_front();
  return data;
}

bool TurnClient::wait_received_packets(std::uint64_t packets, Milliseconds timeout) {
  return run_until(Clock::now() + timeout, [&] { return received_.packets >= packets; });
}

std::optional<ConnectionAttempt> TurnClient::wait_connection_attempt(Milliseconds timeout) {
  run_until(Clock::now() + timeout, [&] { return !attempts_.empty(); });
  if (attempts_.empty()) return std::nullopt;
  const ConnectionAttempt attempt = attempts_.front();
  attempts_.pop_front();
  return attempt;
}

std::unique_ptr<DataConnection> TurnClient::bind_connection(std::uint32_t connection_id,
                                                            Outcome& outcome) {
  TurnClient second(options_);
  auto* stream = dynamic_cast<StreamTransport*>(second.transport_.get());
  if (stream == nullptr) throw std::logic_error("ConnectionBind wants TCP or TLS to the server");
  second.transactions_.set_challenge(realm(), transactions_.nonce());
  const auto add_id = [connection_id](StunBuilder& builder) {
    builder.add_u32(attribute::connection_id, connection_id);
  };
  outcome = second.request({StunMethod::connection_bind, add_id},
                           [&](const Outcome& result, const StunMessage*) {
                             if (result.ok()) stream->stop_framing();
                           });
  if (!outcome.ok()) return nullptr;
  return std::make_unique<DataConnection>(std::move(second.transport_));
}

}  // namespace turntest
