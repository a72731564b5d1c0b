#include "support/transactions.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace turntest {
namespace {

/// A challenge, a stale nonce, and one more: a server that keeps asking is refused.
constexpr int rounds_max = 3;
constexpr Milliseconds interval_max{2000};

}  // namespace

Transactions::Transactions(Credentials credentials, bool reliable,
                           Milliseconds first_retransmission, Sender sender)
    : credentials_(std::move(credentials)),
      reliable_(reliable),
      first_retransmission_(first_retransmission),
      sender_(std::move(sender)) {}

void Transactions::start(Request request, Milliseconds timeout, Completion completion) {
  if (pending_.size() >= transactions_max) throw std::length_error("too many requests at once");
  Pending pending;
  pending.request = std::move(request);
  pending.completion = std::move(completion);
  pending.deadline = Clock::now() + timeout;
  encode_and_send(pending);
  pending_.push_back(std::move(pending));
}

void Transactions::encode_and_send(Pending& pending) {
  pending.id = new_transaction_id();
  StunBuilder builder(pending.request.method, StunClass::request, pending.id);
  if (pending.request.body) pending.request.body(builder);
  pending.authenticated = !nonce_.empty() && pending.request.method != StunMethod::binding;
  if (pending.authenticated) {
    builder.add(attribute::username, credentials_.username)
        .add(attribute::realm, realm_)
        .add(attribute::nonce, nonce_)
        .add_integrity(key_);
  }
  builder.add_fingerprint();
  pending.message = builder.message();
  pending.interval = first_retransmission_;
  pending.retransmit_at = reliable_ ? TimePoint::max() : Clock::now() + pending.interval;
  sender_(pending.message);
}

bool Transactions::answer_challenge(Pending& pending, const StunMessage& response,
                                    const StunError& error) {
  const auto realm = response.text(attribute::realm);
  const auto nonce = response.text(attribute::nonce);
  const bool unauthenticated = error.code == 401 && !pending.authenticated;
  const bool stale = error.code == 438;
  if (!(unauthenticated || stale) || !nonce || ++pending.rounds > rounds_max) return false;
  set_challenge(realm.value_or(realm_), *nonce);
  encode_and_send(pending);
  return true;
}

bool Transactions::handle(const StunMessage& response) {
  const auto found = std::find_if(pending_.begin(), pending_.end(), [&](const Pending& pending) {
    return pending.id == response.transaction_id() && pending.request.method == response.method();
  });
  if (found == pending_.end()) return false;
  // An error response to a request that the server could not authenticate carries no integrity.
  const bool must_be_authentic =
      found->authenticated &&
      (response.message_class() == StunClass::success || response.has_integrity());
  if (must_be_authentic && !response.integrity_is_valid(key_)) {
    ++bad_integrity_;
    return false;
  }
  Outcome outcome{Outcome::Kind::success, 0, ""};
  if (response.message_class() == StunClass::error) {
    StunError error = response.error().value_or(StunError{0, "an error response without a code"});
    if (answer_challenge(*found, response, error)) return true;
    outcome = {Outcome::Kind::error, error.code, std::move(error.reason)};
  }
  const Completion completion = std::move(found->completion);
  pending_.erase(found);
  completion(outcome, &response);
  return true;
}

void Transactions::advance(TimePoint now) {
  std::vector<Completion> expired;
  for (auto pending = pending_.begin(); pending != pending_.end();) {
    if (pending->deadline <= now) {
      expired.push_back(std::move(pending->completion));
      pending = pending_.erase(pending);
      continue;
    }
    if (pending->retransmit_at <= now) {
      pending->interval = std::min(pending->interval * 2, interval_max);
      pending->retransmit_at = now + pending->interval;
      sender_(pending->message);
    }
    ++pending;
  }
  for (const Completion& completion : expired)
    completion({Outcome::Kind::timed_out, 0, ""}, nullptr);
}

void Transactions::fail_all(const std::string& why) {
  const std::vector<Pending> failed = std::exchange(pending_, {});
  for (const Pending& pending : failed)
    pending.completion({Outcome::Kind::closed, 0, why}, nullptr);
}

TimePoint Transactions::next_event() const {
  TimePoint next = TimePoint::max();
  for (const Pending& pending : pending_)
    next = std::min({next, pending.deadline, pending.retransmit_at});
  return next;
}

void Transactions::set_credentials(Credentials credentials) {
  credentials_ = std::move(credentials);
  key_ = long_term_key(credentials_.username, realm_, credentials_.password);
}

void Transactions::set_challenge(std::string realm, std::string nonce) {
  if (realm != realm_ || key_.empty())
    key_ = long_term_key(credentials_.username, realm, credentials_.password);
  realm_ = std::move(realm);
  nonce_ = std::move(nonce);
}

}  // namespace turntest
