// The media type an account is for.
// Owner: value. Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace broker {

enum class MediaType : std::uint8_t { audio = 0, video = 1, data = 2 };

inline constexpr std::array<MediaType, 3> all_media_types{MediaType::audio, MediaType::video,
                                                          MediaType::data};

[[nodiscard]] constexpr std::string_view to_string(MediaType media) {
  switch (media) {
    case MediaType::audio: return "audio";
    case MediaType::video: return "video";
    case MediaType::data: return "data";
  }
  return "";
}

/// Exactly "audio", "video" or "data".
[[nodiscard]] constexpr std::optional<MediaType> parse_media_type(std::string_view text) {
  for (MediaType media : all_media_types)
    if (text == to_string(media)) return media;
  return std::nullopt;
}

}  // namespace broker
