// The problem types of the HTTP API (RFC 9457): each has a name, a status and a short page.
// Owner: pure functions. Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace plugin {

enum class ProblemType : std::uint8_t {
  quota_exceeded,
  unknown_csp,
  bad_media_type,
  no_quota,
  bad_parameter,
  unauthorized,
  origin_not_allowed,
  too_many_requests,
  no_healthy_relay,
  client_id_invalid,
  client_id_expired,
  gone,
  too_large,
  refused,
  overloaded,
  not_found,
  method_not_allowed,
  internal,
};

struct ProblemKind {
  ProblemType type;
  std::string_view name;  ///< the type is the relative reference "/problems/NAME"
  int status;
  std::string_view title;  ///< always the same for a type
  std::string_view page;   ///< what a developer who meets it should know
};

[[nodiscard]] const std::array<ProblemKind, 18>& problem_kinds();
[[nodiscard]] const ProblemKind& kind_of(ProblemType type);

/// By its name; not_found when there is none.
[[nodiscard]] ProblemType problem_type_of(std::string_view name);

/// The problem document. `members` are added behind the standard ones. `detail` holds no secret, key
/// or client id.
[[nodiscard]] http::Response problem(ProblemType type, std::string_view detail,
                                     const http::Json& members = http::Json::object());

/// With a Retry-After header.
[[nodiscard]] http::Response problem_for_now(ProblemType type, std::string_view detail,
                                             int retry_after_s);

/// The problem of a status that the server itself answers with (router, overload, sizes).
[[nodiscard]] http::Response problem_of_status(int status, std::string_view detail);

/// The page at /problems/NAME; nullopt for a name that is none.
[[nodiscard]] std::optional<http::Response> problem_page(std::string_view name);

}  // namespace plugin
