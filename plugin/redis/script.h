// A Lua script that the servers know by its SHA-1.
// Owner: value, usually a constant of who calls it. Threads: any.
#pragma once

#include <string>

namespace plugin::redis {

struct Script {
  Script(std::string its_name, std::string its_text);

  std::string name;  ///< for messages
  std::string text;
  std::string sha1;  ///< of the text, 40 hexadecimal digits in lower case
};

}  // namespace plugin::redis
