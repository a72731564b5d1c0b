// Octets from a Redis server to replies, within bounds whatever arrives.
// Owner: a connection. Threads: one.
#pragma once

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "broker/result.h"
#include "redis/reply.h"

namespace plugin::redis {

class ReplyReader {
 public:
  ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  /// Takes what arrived. Replies are to be taken by next() until there is none.
  void feed(std::string_view octets);

  /// A whole reply; nullopt when more octets are needed. After an error, which is what is no RESP2 or
  /// beyond a bound, there is nothing but that error.
  [[nodiscard]] broker::Result<std::optional<Reply>> next();

 private:
  struct FreeReader {
    void operator()(redisReader* reader) const { redisReaderFree(reader); }
  };

  /// What the reply in the making has taken of its bounds.
  struct Spent {
    std::size_t octets = 0;
    std::size_t items = 0;
    bool too_much = false;
    bool foreign = false;  ///< no RESP2, though hiredis reads it
  };

  // What hiredis calls; each returns the Reply it made, or null.
  static redisReplyObjectFunctions functions();
  static Reply* place(const redisReadTask* task);
  static void* create_string(const redisReadTask* task, char* text, std::size_t octets);
  static void* create_integer(const redisReadTask* task, long long value);
  static void* create_nil(const redisReadTask* task);
  static void free_reply(void* reply);

  [[nodiscard]] bool unfinished_is_too_long() const;
  [[nodiscard]] std::optional<broker::Error> fault();

  redisReplyObjectFunctions functions_;
  std::unique_ptr<redisReader, FreeReader> reader_;
  Spent spent_;
  std::optional<broker::Error> error_;
};

}  // namespace plugin::redis
