// One public request on its way through the checks: who asks, may it, is there something left. Each
// check throws the problem that is to be answered; answer_public() catches it, in one place.
// Owner: the handler, on its stack. Threads: the HTTP thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "api/api_context.h"
#include "api/caller.h"
#include "api/problems.h"
#include "api/standing.h"
#include "broker/client_proof.h"
#include "http/message.h"

namespace plugin {

/// What lets a request in that has neither a key of the CSP nor an origin.
enum class Entry : std::uint8_t {
  closed,     ///< nothing
  web,        ///< that the CSP has web apps at all (the reTHINK routes)
  client_id,  ///< a client id that was verified, proof and all
};

/// Where a request may have its key.
enum class KeyPlace : std::uint8_t {
  bearer,
  parameter,  ///< in the parameters, which the handler checks first of all
};

/// What a check throws.
struct Refusal {
  ProblemType type;
  http::Response response;
};

class Visit {
 public:
  Visit(ApiContext& context, const http::Request& request);

  [[nodiscard]] const Standing& standing() const { return *standing_; }
  [[nodiscard]] const broker::Config& config() const { return *standing_->config; }
  [[nodiscard]] const Caller& caller() const { return caller_; }
  [[nodiscard]] broker::UnixSeconds now_s() const { return context_.clock.unix_ms() / 1000; }

  /// Reads the parameters; those names are all that may be given. To be called once, first.
  void read(std::span<const std::string_view> known);
  [[nodiscard]] const http::NamedValues& parameters() const { return parameters_; }
  /// A parameter's value; bad-parameter when it is missing or empty.
  [[nodiscard]] std::string required(std::string_view name) const;
  [[nodiscard]] std::string optional(std::string_view name) const;

  /// unknown-csp when there is none.
  [[nodiscard]] const broker::Csp& csp(const std::string& id);
  /// By the CSP's key as Bearer, by an origin it allows, or as `entry` says; draws from its bucket.
  /// A key or an origin that is given and does not fit is refused in any case.
  void admit(const broker::Csp& csp, Entry entry = Entry::closed);
  /// By one of the CSPs' keys, which names its CSP; draws from its bucket.
  [[nodiscard]] const broker::Csp& csp_of_key(std::string_view key);
  /// By a client id: valid with its proof (the token alone is on the wire, in usernames), not over, not
  /// revoked, of a CSP and quota that still are there. An origin
  /// that is given must be allowed by the CSP, and a Bearer must be its key.
  [[nodiscard]] broker::ClientToken admit_client(const std::string& client_id);
  /// By an admin token as Bearer.
  void admit_admin();
  /// By an admin token or a metrics token as Bearer.
  void admit_metrics();

  /// quota-exceeded when the account or the client's own part is used up; also when there is no
  /// quota, and when there was no room for its account.
  void check_quota(const broker::Csp& csp, broker::MediaType media,
                   const std::string& client) const;

  [[nodiscard]] RelayChooser& relays() const { return context_.relays; }

  /// Draws from the address's bucket: whoever comes without a key that fits.
  void draw_address();
  /// The refusal of one who came with a key that does not fit, or the problem that there were too
  /// many such.
  [[nodiscard]] http::Response flood_or(http::Response refusal);
  /// Compares a key or token that the caller gives: `fits()` says whether it is one that there is.
  /// too-many-requests, without a comparison, when wrong ones came from its address too often.
  void compare_key(const std::function<bool()>& fits);
  /// The CSP whose key it is, by compare_key(); null when it is none's.
  [[nodiscard]] const broker::Csp* owner_of(std::string_view key);
  [[nodiscard]] bool has_bearer() const { return caller_.bearer.has_value(); }
  [[nodiscard]] bool key_fits() const { return key_fits_; }
  /// Lets the page read the answer if its origin is allowed.
  void add_cors(http::Response& response) const;

 private:
  void draw_csp(const broker::Csp& csp, std::string_view how);

  ApiContext& context_;
  const http::Request& request_;
  std::shared_ptr<const Standing> standing_;
  Caller caller_;
  http::NamedValues parameters_;
  const broker::Csp* csp_ = nullptr;  ///< that the request concerns
  bool key_fits_ = false;
};

/// Lets `handler` answer, and does what all public routes have in common: the limit by address, CORS,
/// headers against caching and guessing.
[[nodiscard]] http::Response answer_public(ApiContext& context, const http::Request& request,
                                           const std::function<http::Response(Visit&)>& handler,
                                           KeyPlace key_place = KeyPlace::bearer);

/// Answers a CORS preflight.
[[nodiscard]] http::Response answer_preflight(const ApiContext& context,
                                              const http::Request& request);

/// "Cache-Control: no-store" and "X-Content-Type-Options: nosniff".
void add_common_headers(http::Response& response);

}  // namespace plugin
