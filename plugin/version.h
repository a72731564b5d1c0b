// The version that is shown to people.
#pragma once

namespace plugin {
inline constexpr const char* version = TURNBROKER_VERSION;
}
