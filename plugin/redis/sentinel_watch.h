// Asks one sentinel after the other which server is the master, and hears of its successors.
// Owner: a SentinelRoute. Threads: the one that runs the event base.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "redis/link.h"

namespace plugin::redis {

class SentinelWatch {
 public:
  /// `switched`: it has become the master just now.
  using OnMaster = std::function<void(const Endpoint&, bool switched)>;

  SentinelWatch(const LinkWorld& world, OnMaster on_master);

  /// The first call begins.
  void tick();
  /// The master is doubtful: asks the next sentinel.
  void look_again();
  [[nodiscard]] std::string problem() const { return link_.problem(); }

 private:
  void ask();
  void answered(const Reply& reply);
  void pushed(const Reply& reply);

  const LinkWorld& world_;
  OnMaster on_master_;
  std::size_t current_ = 0;
  bool begun_ = false;
  Link link_;
};

}  // namespace plugin::redis
