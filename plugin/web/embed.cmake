# Writes OUTPUT, a header with each of FILES (separated by '|', of DIRECTORY) as a string constant.
string(REPLACE "|" ";" names "${FILES}")
# C++ compilers need not support literals of more than 65,536 octets; those this is built with do.
set(header "// Made by plugin/web/embed.cmake.\n#pragma once\n\n#include <string_view>\n\n")
string(APPEND header "#ifdef __clang__\n#pragma clang diagnostic ignored \"-Woverlength-strings\"\n#endif\n\n")
string(APPEND header "namespace plugin::web {\n\n")
foreach(name IN LISTS names)
  file(READ "${DIRECTORY}/${name}" content)
  string(MAKE_C_IDENTIFIER "${name}" identifier)
  string(FIND "${content}" ")embedded\"" clash)
  if(NOT clash EQUAL -1)
    message(FATAL_ERROR "${name} holds the end mark of its own constant")
  endif()
  string(APPEND header
    "inline constexpr std::string_view content_${identifier} = R\"embedded(${content})embedded\";\n\n")
endforeach()
file(WRITE "${OUTPUT}" "${header}}  // namespace plugin::web\n")
