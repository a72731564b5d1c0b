// Something that is done again and again and may fail each time: the log has it when it begins to fail and
// when it works again, operators all the time in between.
// Owner: who does it. Threads: one.
#pragma once

#include <string>
#include <utility>

#include "host.h"

namespace plugin {

class Complaint {
 public:
  /// `what` names it, with the key or channel. The host is borrowed.
  Complaint(const Host& host, std::string what) : host_(host), what_(std::move(what)) {}

  /// `told`: the log has the cause from elsewhere, such as a connection that is lost.
  void fails(const std::string& why, bool told) {
    why_ = why;
    if (told || std::exchange(logged_, true)) return;
    host_.warning("{}: {}", what_, why_);
  }
  void works() {
    why_.clear();
    if (std::exchange(logged_, false)) host_.info("{}: works again", what_);
  }
  /// "WHAT: WHY"; empty while it works.
  [[nodiscard]] std::string text() const { return why_.empty() ? "" : what_ + ": " + why_; }

 private:
  const Host& host_;
  std::string what_;
  std::string why_;
  bool logged_ = false;
};

}  // namespace plugin
