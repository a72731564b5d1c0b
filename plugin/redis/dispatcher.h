// Sends commands to the server that the route names, again where the answer says so, and gives each one
// exactly one answer. Owner: a client. Threads: the one that runs the event base.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "redis/job.h"
#include "redis/link.h"
#include "redis/route.h"

namespace plugin::redis {

class Dispatcher {
 public:
  explicit Dispatcher(const LinkWorld& world) : world_(world) {}

  /// Before the first submit().
  void use(Route& route) { route_ = &route; }

  void submit(Command command, const Script* script, Done done);
  /// Sends what waits and can be sent, gives up what has waited too long.
  void flush();

 private:
  struct Attempt;

  void dispatch(const JobPointer& job);
  void send(Link& link, const JobPointer& job);
  void answered(Link& link, const std::shared_ptr<Attempt>& attempt,
                const broker::Result<Reply>& reply, std::int64_t sent_ms);
  /// True when the command goes on; false when the refusal is its answer.
  [[nodiscard]] bool refused(Link& link, const JobPointer& job, const std::string& text);
  [[nodiscard]] bool redirect(Link& link, const JobPointer& job, const std::string& text, bool ask);
  void again_later(const JobPointer& job);
  void finish(const JobPointer& job, broker::Result<Answer> result);
  [[nodiscard]] std::string why_given_up(const Job& job) const;

  const LinkWorld& world_;
  Route* route_ = nullptr;
  std::vector<JobPointer> waiting_;
  std::size_t commands_ = 0;  ///< waiting or unanswered
  std::size_t octets_ = 0;    ///< of their arguments
};

}  // namespace plugin::redis
