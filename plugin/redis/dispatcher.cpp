#include "redis/dispatcher.h"

#include <algorithm>
#include <utility>

#include "redis/refusal.h"
#include "redis/slot.h"

namespace plugin::redis {

namespace {

/// Before what a server does not execute for the moment is sent again.
constexpr std::int64_t again_after_ms = 50;

std::size_t octets_of(const std::vector<std::string>& arguments) {
  std::size_t octets = 0;
  for (const std::string& argument : arguments) octets += argument.size();
  return octets;
}

}  // namespace

/// One sending of a job. Its answer is kept while WAIT is unanswered.
struct Dispatcher::Attempt {
  JobPointer job;
  std::optional<Answer> answer{};
};

void Dispatcher::submit(Command command, const Script* script, Done done) {
  const std::size_t octets = octets_of(command.arguments);
  if (commands_ >= world_.tuning.commands_max || octets_ + octets > world_.tuning.octets_max)
    return done(broker::Error{"too much waits for Redis already: " + std::to_string(commands_) +
                              " commands with " + std::to_string(octets_) + " octets"});
  const auto job = std::make_shared<Job>();
  if (!command.routing_key.empty()) job->slot = slot_of(command.routing_key);
  job->command = std::move(command);
  job->done = std::move(done);
  job->script = script;
  job->octets = octets;
  job->give_up_ms = world_.clock.steady_ms() + world_.config.timeout_ms;
  ++commands_;
  octets_ += octets;
  dispatch(job);
}

void Dispatcher::dispatch(const JobPointer& job) {
  Link* link = nullptr;
  if (world_.clock.steady_ms() >= job->not_before_ms)
    link = job->ask_at ? route_->pick_at(*job->ask_at) : route_->pick(job->slot);
  if (link != nullptr)
    send(*link, job);
  else
    waiting_.push_back(job);
}

void Dispatcher::flush() {
  const std::int64_t now_ms = world_.clock.steady_ms();
  const std::vector<JobPointer> waiting = std::exchange(waiting_, {});
  for (const JobPointer& job : waiting) {
    if (now_ms >= job->give_up_ms)
      finish(job, broker::Error{why_given_up(*job)});
    else
      dispatch(job);
  }
}

std::string Dispatcher::why_given_up(const Job& job) const {
  const std::string problem = job.refusal.empty() ? route_->problem() : job.refusal;
  return (problem.empty() ? "no server took the command" : problem) + " (for " +
         std::to_string(world_.config.timeout_ms) + " ms)";
}

void Dispatcher::send(Link& link, const JobPointer& job) {
  const auto attempt = std::make_shared<Attempt>(Attempt{job});
  std::vector<std::string>& arguments = job->command.arguments;
  if (const std::size_t at = job->command.run_id_argument; at > 0 && at < arguments.size())
    arguments[at] = link.server().run_id;
  if (std::exchange(job->ask_at, std::nullopt)) link.send({"ASKING"}, [](const auto&, auto) {});
  link.send(arguments,
            [this, &link, attempt](const broker::Result<Reply>& reply, std::int64_t sent_ms) {
              answered(link, attempt, reply, sent_ms);
            });
  if (job->command.replicas_wanted == 0) return;
  link.replicas().after_sent(job->command.replicas_wanted, [this, attempt](const auto& status) {
    if (!attempt->answer) return;  // it was refused, or is sent again
    if (status)
      finish(attempt->job, std::move(*attempt->answer));
    else
      finish(attempt->job, status.error());
  });
}

void Dispatcher::answered(Link& link, const std::shared_ptr<Attempt>& attempt,
                          const broker::Result<Reply>& reply, std::int64_t sent_ms) {
  const JobPointer& job = attempt->job;
  if (!reply) return finish(job, reply.error());
  if (reply.value().is_error()) {
    if (refused(link, job, reply.value().text)) return;
    std::string what = link.server().name + ": " + one_line(reply.value().text);
    // The server does not say which key is not what it should be.
    if (what.find("WRONGTYPE") != std::string::npos && !job->command.routing_key.empty())
      what += " (in a call for " + one_line(job->command.routing_key) + ")";
    return finish(job, broker::Error{std::move(what)});
  }
  link.set_trouble("");
  Answer answer{reply.value(), link.server(), sent_ms};
  if (job->command.replicas_wanted > 0)
    attempt->answer = std::move(answer);
  else
    finish(job, std::move(answer));
}

bool Dispatcher::refused(Link& link, const JobPointer& job, const std::string& text) {
  const Refusal refusal = refusal_of(text);
  job->refusal = link.server().name + ": " + one_line(text);
  switch (refusal) {
    case Refusal::no_script:
      if (job->script == nullptr || job->command.arguments[0] == "EVAL") return false;
      job->command.arguments[0] = "EVAL";
      job->command.arguments[1] = job->script->text;
      dispatch(job);
      return true;
    case Refusal::moved: return redirect(link, job, text, false);
    case Refusal::ask: return redirect(link, job, text, true);
    case Refusal::later:
      route_->doubt();
      again_later(job);
      return true;
    case Refusal::wrong_server:
      route_->unfit(link, one_line(text));
      again_later(job);
      return true;
    case Refusal::unwilling:
      link.set_trouble(one_line(text));
      // Greeted again, it may know the user; or says what is wrong with it.
      if (error_code(text) == "NOAUTH") link.drop(one_line(text));
      return false;
    case Refusal::other: break;
  }
  return false;
}

bool Dispatcher::redirect(Link& link, const JobPointer& job, const std::string& text, bool ask) {
  const auto redirection = parse_redirection(text, link.endpoint().host);
  if (!redirection || world_.config.mode != broker::RedisMode::cluster) return false;
  if (++job->redirects > redirects_max) return false;
  if (ask)
    job->ask_at = redirection->to;
  else
    route_->moved(*redirection);
  dispatch(job);
  return true;
}

void Dispatcher::again_later(const JobPointer& job) {
  job->not_before_ms = world_.clock.steady_ms() + again_after_ms;
  waiting_.push_back(job);
}

void Dispatcher::finish(const JobPointer& job, broker::Result<Answer> result) {
  --commands_;
  octets_ -= job->octets;
  std::exchange(job->done, nullptr)(std::move(result));
}

}  // namespace plugin::redis
