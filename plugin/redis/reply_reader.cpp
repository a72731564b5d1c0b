#include "redis/reply_reader.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "redis/tuning.h"

namespace plugin::redis {

namespace {

/// A line has no length in front of it, so it is searched for its end again with each arrival.
constexpr std::size_t line_octets_max = 65'536;
/// "2147483647\r\n"; what is longer is no length.
constexpr std::size_t length_line_octets_max = 24;

Reply::Kind text_kind(int type) {
  if (type == REDIS_REPLY_ERROR) return Reply::Kind::error;
  if (type == REDIS_REPLY_STATUS) return Reply::Kind::status;
  return Reply::Kind::text;
}

/// As deep as hiredis 0.14 goes; from 1.0 on it has no bound of its own.
constexpr int depth_max = 8;

bool is_resp2(const redisReadTask& task) {
  int depth = 0;
  for (const redisReadTask* above = task.parent; above != nullptr; above = above->parent) ++depth;
  return task.type <= REDIS_REPLY_ERROR && depth <= depth_max;
}

// What differs between hiredis 0.14 and 1.x is here. Of RESP3, which 1.x reads too, nothing was asked for.
int type_in_the_making(const redisReader& reader) {
#if HIREDIS_MAJOR >= 1
  return reader.task[reader.ridx]->type;
#else
  return reader.rstack[reader.ridx].type;
#endif
}
}  // namespace

redisReplyObjectFunctions ReplyReader::functions() {
  redisReplyObjectFunctions functions{};
  functions.createString = create_string;
  // Nothing is reserved: the count, an int or a size_t, is only what the server announces.
  functions.createArray = [](const redisReadTask* task, auto) -> void* {
    Reply* reply = place(task);
    if (reply != nullptr) reply->kind = Reply::Kind::array;
    return reply;
  };
  functions.createInteger = create_integer;
  functions.createNil = create_nil;
  functions.freeObject = free_reply;
#if HIREDIS_MAJOR >= 1
  functions.createDouble = [](const redisReadTask* task, double, char*, std::size_t) -> void* {
    return place(task);
  };
  functions.createBool = [](const redisReadTask* task, int) -> void* { return place(task); };
#endif
  return functions;
}

ReplyReader::ReplyReader()
    : functions_(functions()), reader_(redisReaderCreateWithFunctions(&functions_)) {
  if (!reader_) throw std::bad_alloc();
  reader_->privdata = &spent_;
}

/// Where the reply of this task goes: into its array, or a new one on its own. An array's items stay
/// where they are while one of them is being made, so that hiredis may keep the address. Null when the
/// bounds are spent or memory is short: no exception may pass through hiredis.
Reply* ReplyReader::place(const redisReadTask* task) {
  auto& spent = *static_cast<Spent*>(task->privdata);
  if (!is_resp2(*task)) {
    spent.foreign = true;
    return nullptr;
  }
  if (++spent.items > reply_items_max) {
    spent.too_much = true;
    return nullptr;
  }
  try {
    if (task->parent == nullptr) return new Reply;
    return &static_cast<Reply*>(task->parent->obj)->items.emplace_back();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void* ReplyReader::create_string(const redisReadTask* task, char* text, std::size_t octets) {
  auto& spent = *static_cast<Spent*>(task->privdata);
  if (octets > reply_octets_max - spent.octets) {
    spent.too_much = true;
    return nullptr;
  }
  spent.octets += octets;
  Reply* reply = place(task);
  if (reply == nullptr) return nullptr;
  try {
    reply->text.assign(text, octets);
  } catch (const std::bad_alloc&) {
    if (task->parent == nullptr) delete reply;
    return nullptr;
  }
  reply->kind = text_kind(task->type);
  return reply;
}

void* ReplyReader::create_integer(const redisReadTask* task, long long value) {
  Reply* reply = place(task);
  if (reply == nullptr) return nullptr;
  reply->kind = Reply::Kind::integer;
  reply->integer = value;
  return reply;
}

void* ReplyReader::create_nil(const redisReadTask* task) { return place(task); }

void ReplyReader::free_reply(void* reply) { delete static_cast<Reply*>(reply); }

void ReplyReader::feed(std::string_view octets) {
  if (error_) return;
  if (redisReaderFeed(reader_.get(), octets.data(), octets.size()) != REDIS_OK)
    error_ = broker::Error{"memory is short for a reply"};
}

broker::Result<std::optional<Reply>> ReplyReader::next() {
  if (error_) return *error_;
  void* made = nullptr;
  const int status = redisReaderGetReply(reader_.get(), &made);
  std::unique_ptr<Reply> reply(static_cast<Reply*>(made));
  if (status != REDIS_OK || (!reply && unfinished_is_too_long())) {
    error_ = fault();
    return *error_;
  }
  if (!reply) return std::optional<Reply>();
  spent_ = {};
  return std::optional<Reply>(std::move(*reply));
}

/// Of what waits for its end: a line without one, or a bulk that is announced beyond the bound. hiredis
/// would gather either for as long as it arrives.
bool ReplyReader::unfinished_is_too_long() const {
  const redisReader& reader = *reader_;
  if (reader.ridx < 0 || reader.len <= reader.pos) return false;
  const std::string_view rest(reader.buf + reader.pos, reader.len - reader.pos);
  if (type_in_the_making(reader) != REDIS_REPLY_STRING) return rest.size() > line_octets_max;
  const std::size_t end = rest.substr(0, length_line_octets_max).find("\r\n");
  if (end == std::string_view::npos) return rest.size() >= length_line_octets_max;
  std::size_t announced = 0;
  for (const char digit : rest.substr(0, end))
    if (digit >= '0' && digit <= '9')
      announced =
          std::min(announced * 10 + static_cast<std::size_t>(digit - '0'), reply_octets_max + 1);
  return announced > reply_octets_max;
}

std::optional<broker::Error> ReplyReader::fault() {
  const bool protocol = reader_->err == REDIS_ERR_PROTOCOL;
  if (spent_.foreign) return broker::Error{"what arrived is no RESP2"};
  if (spent_.too_much || reader_->err == 0)
    return broker::Error{"a reply beyond " + std::to_string(reply_octets_max) + " octets or " +
                         std::to_string(reply_items_max) + " items"};
  if (reader_->err == REDIS_ERR_OOM) return broker::Error{"memory is short for a reply"};
  return broker::Error{"what arrived is no RESP" +
                       (protocol ? std::string(": ") + reader_->errstr : std::string())};
}

}  // namespace plugin::redis
