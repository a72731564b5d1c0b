// Which client of default_csp a user of coturn's own mechanisms is.
// Owner: pure functions. Threads: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace plugin {

/// As check_client_name() allows, or empty for a username that is empty (no-auth). It is what follows the expiry
/// of coturn's REST form, "<digits>:<name>", so that a user with a new credential is the same client; all of
/// the username when it has not that form. A name that no client may have (too long, not UTF-8) is replaced by
/// "sha256-" and its digest in hex: it would have to be cut, and then be the same for others. Nothing when OpenSSL
/// cannot compute that.
[[nodiscard]] std::optional<std::string> foreign_client_name(std::string_view username);

}  // namespace plugin
