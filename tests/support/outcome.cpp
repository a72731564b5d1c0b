#include "support/outcome.h"

#include <ostream>

namespace turntest {

std::string Outcome::to_string() const {
  switch (kind) {
    case Kind::success: return "success";
    case Kind::error: return "error " + std::to_string(code) + " (" + reason + ")";
    case Kind::timed_out: return "no answer in time";
    case Kind::closed: return "connection closed (" + reason + ")";
  }
  return "";
}

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << outcome.to_string();
}

}  // namespace turntest
